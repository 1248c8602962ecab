# The language and the flags of every target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)  # clock_gettime() and shm are POSIX, which strict C11 hides
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Kind of build" FORCE)
endif()

add_compile_definitions(BERKELEY_VERSION="${PROJECT_VERSION}")
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow)
# Options are structs with designated initialisers; what is not named keeps its default on purpose.
add_compile_options(-Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Optimising, g++ 12 sees overlaps and gaps in its own library's strings, vectors and variants.
    foreach(warning restrict stringop-overflow array-bounds maybe-uninitialized use-after-free)
        add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-${warning}>)
    endforeach()
endif()
# A seed must give the same run on every machine: no fused multiply-add behind our back.
add_compile_options(-ffp-contract=off)
# A second build of the same sources takes seconds. The sloppiness is what ccache needs for precompiled headers.
find_program(BERKELEY_CCACHE ccache)
if(BERKELEY_CCACHE AND PROJECT_IS_TOP_LEVEL)
    foreach(language C CXX)
        if(NOT CMAKE_${language}_COMPILER_LAUNCHER)
            set(CMAKE_${language}_COMPILER_LAUNCHER
                ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${BERKELEY_CCACHE})
        endif()
    endforeach()
endif()

if(BERKELEY_WERROR)
    add_compile_options(-Werror)
endif()

if(BERKELEY_SANITIZE)
    add_compile_options(-fsanitize=${BERKELEY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${BERKELEY_SANITIZE})
endif()

if(BERKELEY_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "BERKELEY_FUZZ needs clang (libFuzzer); this is ${CMAKE_CXX_COMPILER_ID}")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
