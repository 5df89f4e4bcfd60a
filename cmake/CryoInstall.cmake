include(CMakePackageConfigHelpers)

# cryo_install_library(<target> [COMPONENT <name>])
# Installs one linkage of the core: library, headers, CMake package, pkg-config file. With a component it is left out of a
# plain install; tests/package installs the other linkage so.
function(cryo_install_library target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "COMPONENT" "")
    if(arg_COMPONENT)
        set(component COMPONENT ${arg_COMPONENT} EXCLUDE_FROM_ALL)
    else()
        set(component COMPONENT cryo)
    endif()
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        set(CRYO_IS_STATIC ON)
        set(CRYO_PC_CFLAGS " -DCRYO_STATIC_DEFINE")
        set(CRYO_PC_REQUIRES "libwebsockets libuv openssl zlib")
        set(CRYO_PC_LIBS " -pthread")
    else()
        set(CRYO_IS_STATIC OFF)
    endif()
    set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/cryo")
    set(generated "${PROJECT_BINARY_DIR}/package/${target}")
    file(RELATIVE_PATH CRYO_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" CRYO_PC_PREFIX "${CRYO_PC_PREFIX}")

    configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/cryo-config.cmake.in" "${generated}/cryo-config.cmake"
        INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
    write_basic_package_version_file("${generated}/cryo-config-version.cmake" COMPATIBILITY SameMinorVersion)
    configure_file("${PROJECT_SOURCE_DIR}/cmake/cryo.pc.in" "${generated}/cryo.pc" @ONLY)

    install(TARGETS ${target} EXPORT ${target}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" ${component}
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ${component}
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT ${target} FILE cryo-targets.cmake NAMESPACE cryo:: DESTINATION "${package_dir}" ${component})
    install(FILES "${generated}/cryo-config.cmake" "${generated}/cryo-config-version.cmake"
        DESTINATION "${package_dir}" ${component})
    install(FILES "${generated}/cryo.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" ${component})
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" "${CRYO_GENERATED_INCLUDE_DIR}/"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" ${component} FILES_MATCHING PATTERN "*.h")
endfunction()
