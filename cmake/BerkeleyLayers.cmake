# Layers and programs, each from the sources of its folder. In slave/ and master/ *_main.cpp is the program; all
# else there is the pure core.

# Puts into `out` the .cpp files of a folder that belong to its library.
function(berkeley_sources out directory)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${directory}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "_main\\.cpp$")
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

# berkeley_library(NAME SOURCES FILE... DEPENDS TARGET... PRIVATE_DEPENDS TARGET...): a static library, or an
# interface where all is in headers.
function(berkeley_library name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS")
    if(arg_SOURCES)
        add_library(${name} STATIC ${arg_SOURCES})
        target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
    else()
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_DEPENDS})
    endif()
    berkeley_include(${name}
        ${PROJECT_SOURCE_DIR}/common ${PROJECT_SOURCE_DIR}/common/include ${PROJECT_SOURCE_DIR})
endfunction()

# Include folders of a library and of whoever links it.
function(berkeley_include name)
    get_target_property(type ${name} TYPE)
    if(type STREQUAL "INTERFACE_LIBRARY")
        target_include_directories(${name} INTERFACE ${ARGN})
    else()
        target_include_directories(${name} PUBLIC ${ARGN})
    endif()
endfunction()

# berkeley_add_layer(NAME DIRECTORY FOLDER DEPENDS TARGET... PRIVATE_DEPENDS TARGET... [COLD])
# COLD: the room works at the start and now and then, so it is compiled for little time rather than for speed.
function(berkeley_add_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "COLD" "DIRECTORY" "DEPENDS;PRIVATE_DEPENDS")
    berkeley_sources(sources ${arg_DIRECTORY})
    berkeley_library(${name} SOURCES ${sources} DEPENDS ${arg_DEPENDS} PRIVATE_DEPENDS ${arg_PRIVATE_DEPENDS})
    if(sources)
        berkeley_compile_as_one(${name})
    endif()
    if(arg_COLD)
        berkeley_compile_cold(${name})
    endif()
endfunction()

# Headers cost more than our own code: a room's files are one translation unit, where BERKELEY_UNITY says so.
function(berkeley_compile_as_one name)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ${BERKELEY_UNITY} UNITY_BUILD_BATCH_SIZE 0)
    if(BERKELEY_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # g++ takes an included .cpp file for a header, whose classes must not use the file's own types.
        target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
    endif()
endfunction()

function(berkeley_compile_cold name)
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-O1>)
endfunction()

# berkeley_add_program(NAME SOURCES PATTERN... DEPENDS TARGET... [COLD]): an installed program. COLD: as above.
function(berkeley_add_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "COLD" "" "SOURCES;DEPENDS")
    list(TRANSFORM arg_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/)
    file(GLOB sources CONFIGURE_DEPENDS ${arg_SOURCES})
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
    if(arg_COLD)
        berkeley_compile_as_one(${name})
        berkeley_compile_cold(${name})
    endif()
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# Puts into `out` the targets that `target` links, directly or not.
function(berkeley_linked_targets out target)
    set(seen "")
    set(queue ${target})
    while(queue)
        list(POP_FRONT queue next)
        if(next IN_LIST seen OR NOT TARGET ${next})
            continue()
        endif()
        list(APPEND seen ${next})
        foreach(property LINK_LIBRARIES INTERFACE_LINK_LIBRARIES)
            get_target_property(links ${next} ${property})
            if(links)
                # A static library links its private ones as $<LINK_ONLY:target>.
                list(TRANSFORM links REPLACE "^\\$<[A-Z_]+:(.*)>$" "\\1")
                list(APPEND queue ${links})
            endif()
        endforeach()
    endwhile()
    set(${out} ${seen} PARENT_SCOPE)
endfunction()

# Fails where `target` links `forbidden`: a plain slave carries no master code.
function(berkeley_forbid_link target forbidden)
    berkeley_linked_targets(linked ${target})
    if(forbidden IN_LIST linked)
        message(FATAL_ERROR "${target} must not link ${forbidden}")
    endif()
endfunction()
