# The reader of the clock page, for applications: a small C library of its own, shared and static, its headers, a
# CMake package (find_package(BerkeleyClock), targets Berkeley::clock and Berkeley::clock-static), a pkg-config file
# (berkeley-clock), a manual page and a Python module. In this build Berkeley::clock is the static one.
include(CMakePackageConfigHelpers)

# The number behind libberkeley-clock.so rises when a program that was linked before would no longer work.
set(BERKELEY_CLOCK_ABI 1)
set(BERKELEY_PYTHON_DIR lib/python3/dist-packages CACHE STRING "Where the Python module goes, below the prefix")

set(berkeley_clock_sources clock_context.c clock_page_reader.c clock_waiting.c)
list(TRANSFORM berkeley_clock_sources PREPEND ${PROJECT_SOURCE_DIR}/common/page/)
set(berkeley_clock_map ${PROJECT_SOURCE_DIR}/common/page/clock_library.map)

add_library(berkeley-clock STATIC ${berkeley_clock_sources})
add_library(berkeley-clock-shared SHARED ${berkeley_clock_sources})
add_library(Berkeley::clock ALIAS berkeley-clock)
foreach(target berkeley-clock berkeley-clock-shared)
    target_include_directories(${target}
        PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/common/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        PRIVATE ${PROJECT_SOURCE_DIR}/common)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME berkeley-clock C_VISIBILITY_PRESET hidden)
endforeach()
set_target_properties(berkeley-clock PROPERTIES EXPORT_NAME clock-static POSITION_INDEPENDENT_CODE ON)
set_target_properties(berkeley-clock-shared PROPERTIES
    EXPORT_NAME clock VERSION ${BERKELEY_CLOCK_ABI}.${PROJECT_VERSION_MINOR}.${PROJECT_VERSION_PATCH}
    SOVERSION ${BERKELEY_CLOCK_ABI} LINK_DEPENDS ${berkeley_clock_map})
target_link_options(berkeley-clock-shared PRIVATE LINKER:--version-script=${berkeley_clock_map})

install(TARGETS berkeley-clock berkeley-clock-shared EXPORT BerkeleyClockTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/common/include/berkeley DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT BerkeleyClockTargets NAMESPACE Berkeley::
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/BerkeleyClock)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/python/berkeley_clock.py DESTINATION ${BERKELEY_PYTHON_DIR})

# One page for the whole library, found under the name of each function.
install(FILES ${PROJECT_SOURCE_DIR}/packaging/man/berkeley_clock.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
foreach(function after at before close commit_wait now open read sleep_until strerror wait_synchronized
        wait_until_past)
    file(WRITE ${PROJECT_BINARY_DIR}/man/berkeley_clock_${function}.3 ".so man3/berkeley_clock.3\n")
    install(FILES ${PROJECT_BINARY_DIR}/man/berkeley_clock_${function}.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/BerkeleyClockConfig.cmake.in
    ${PROJECT_BINARY_DIR}/BerkeleyClockConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/BerkeleyClock)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/BerkeleyClockConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH BERKELEY_PC_TO_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/berkeley-clock.pc.in ${PROJECT_BINARY_DIR}/berkeley-clock.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/BerkeleyClockConfig.cmake ${PROJECT_BINARY_DIR}/BerkeleyClockConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/BerkeleyClock)
install(FILES ${PROJECT_BINARY_DIR}/berkeley-clock.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
