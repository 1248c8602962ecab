# The reader of the clock page, for applications: a small C library of its own, its headers, a CMake package
# (find_package(BerkeleyClock), target Berkeley::clock) and a pkg-config file (berkeley-clock).
include(CMakePackageConfigHelpers)

set(berkeley_clock_sources clock_context.c clock_page_reader.c clock_waiting.c)
list(TRANSFORM berkeley_clock_sources PREPEND ${PROJECT_SOURCE_DIR}/common/page/)
add_library(berkeley-clock ${berkeley_clock_sources})
add_library(Berkeley::clock ALIAS berkeley-clock)
target_include_directories(berkeley-clock
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/common/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/common)
set_target_properties(berkeley-clock PROPERTIES
    EXPORT_NAME clock VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})

install(TARGETS berkeley-clock EXPORT BerkeleyClockTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/common/include/berkeley DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT BerkeleyClockTargets NAMESPACE Berkeley::
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/BerkeleyClock)

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
