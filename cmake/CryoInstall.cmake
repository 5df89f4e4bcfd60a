include(CMakePackageConfigHelpers)

# cryo_install_libraries(<suffix> [COMPONENT <name>])
# Installs one linkage of the core and of all extensions (suffix "", or _other: see CryoLibrary.cmake): libraries,
# headers, CMake package, pkg-config files. With a component it is left out of a plain install; tests/package installs the
# other linkage so.
function(cryo_install_libraries suffix)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "COMPONENT" "")
    if(arg_COMPONENT)
        set(component COMPONENT ${arg_COMPONENT} EXCLUDE_FROM_ALL)
    else()
        set(component COMPONENT cryo)
    endif()
    set(core cryo_core${suffix})
    get_target_property(type ${core} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        set(CRYO_IS_STATIC ON)
    else()
        set(CRYO_IS_STATIC OFF)
    endif()
    set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/cryo")
    set(generated "${PROJECT_BINARY_DIR}/package/${core}")
    file(RELATIVE_PATH CRYO_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" CRYO_PC_PREFIX "${CRYO_PC_PREFIX}")

    configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/cryo-config.cmake.in" "${generated}/cryo-config.cmake"
        INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
    write_basic_package_version_file("${generated}/cryo-config-version.cmake" COMPATIBILITY SameMinorVersion)
    install(FILES "${generated}/cryo-config.cmake" "${generated}/cryo-config-version.cmake"
        DESTINATION "${package_dir}" ${component})

    if(CRYO_IS_STATIC)
        set(CRYO_PC_CFLAGS " -DCRYO_STATIC_DEFINE")
        set(CRYO_PC_REQUIRES "libwebsockets libuv openssl zlib")
        set(CRYO_PC_LIBS " -pthread")
    endif()
    set(CRYO_PC_DESCRIPTION "${PROJECT_DESCRIPTION}")
    cryo_install_library(${core} cryo "${PROJECT_SOURCE_DIR}/include/;${CRYO_GENERATED_INCLUDE_DIR}/")

    get_property(extensions GLOBAL PROPERTY CRYO_EXTENSIONS)
    foreach(extension IN LISTS extensions)
        get_property(folder GLOBAL PROPERTY CRYO_EXTENSION_FOLDER_${extension})
        get_property(CRYO_NEEDS GLOBAL PROPERTY CRYO_EXTENSION_NEEDS_${extension})
        get_property(CRYO_PACKAGES GLOBAL PROPERTY CRYO_EXTENSION_PACKAGES_${extension})
        configure_file("${PROJECT_SOURCE_DIR}/cmake/cryo-extension.cmake.in" "${generated}/cryo-${extension}.cmake" @ONLY)
        install(FILES "${generated}/cryo-${extension}.cmake" DESTINATION "${package_dir}" ${component})

        list(TRANSFORM CRYO_NEEDS PREPEND "cryo-" OUTPUT_VARIABLE requires)
        if(CRYO_IS_STATIC)
            list(APPEND requires ${CRYO_PACKAGES})
        endif()
        list(JOIN requires " " requires)
        set(CRYO_PC_REQUIRES "cryo ${requires}")
        set(CRYO_PC_CFLAGS "")
        set(CRYO_PC_LIBS "")
        set(CRYO_PC_DESCRIPTION "The extension ${extension} of cryo")
        cryo_install_library(cryo_${extension}${suffix} cryo-${extension} "${folder}/include/")
    endforeach()
endfunction()

# One library with its headers and its pkg-config file; called by the above, whose variables it sees.
macro(cryo_install_library target name headers)
    set(CRYO_PC_NAME ${name})
    configure_file("${PROJECT_SOURCE_DIR}/cmake/cryo.pc.in" "${generated}/${name}.pc" @ONLY)
    install(FILES "${generated}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" ${component})
    install(TARGETS ${target} EXPORT ${target}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" ${component}
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" ${component}
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
    install(EXPORT ${target} FILE ${name}-targets.cmake NAMESPACE cryo:: DESTINATION "${package_dir}" ${component})
    install(DIRECTORY ${headers} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" ${component} FILES_MATCHING PATTERN "*.h")
endmacro()
