# Manual pages, made from what the programs say themselves with --help, so that they cannot differ from it.
#
# berkeley_add_man(PROGRAM...): packaging/man/PROGRAM.h2m has the sections that --help lacks. Needs help2man; without
# it there are no manual pages. Run as a script (-P), it makes one.
if(CMAKE_SCRIPT_MODE_FILE)
    execute_process(COMMAND ${HELP2MAN} --no-info --name ${SUMMARY} --include ${INCLUDE} ${PROGRAM}
        OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    # The default of --id is the name of the machine, and not of this one.
    cmake_host_system_information(RESULT host QUERY HOSTNAME)
    string(REGEX REPLACE "(fR NAME=)${host}[-0-9]*" "\\1HOSTNAME" text "${text}")
    file(WRITE ${OUTPUT} "${text}")
    return()
endif()

find_program(BERKELEY_HELP2MAN help2man)
if(NOT BERKELEY_HELP2MAN)
    message(STATUS "no manual pages: help2man is not installed")
endif()
function(berkeley_add_man program summary)
    if(NOT BERKELEY_HELP2MAN OR BERKELEY_SANITIZE OR CMAKE_CROSSCOMPILING)
        return()
    endif()
    set(include ${PROJECT_SOURCE_DIR}/packaging/man/${program}.h2m)
    set(page ${PROJECT_BINARY_DIR}/man/${program}.1)
    add_custom_command(OUTPUT ${page}
        COMMAND ${CMAKE_COMMAND} -DHELP2MAN=${BERKELEY_HELP2MAN} -DPROGRAM=$<TARGET_FILE:${program}> "-DSUMMARY=${summary}"
                -DINCLUDE=${include} -DOUTPUT=${page} -P ${PROJECT_SOURCE_DIR}/cmake/BerkeleyMan.cmake
        DEPENDS ${program} ${include} ${PROJECT_SOURCE_DIR}/cmake/BerkeleyMan.cmake VERBATIM)
    add_custom_target(${program}_man ALL DEPENDS ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endfunction()
