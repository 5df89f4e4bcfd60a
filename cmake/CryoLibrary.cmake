# cryo_configure_library(<target> <name>): what the static and the shared form of a library have in common. The name is
# that of the file without lib, and without cryo- the one after cryo:: .
function(cryo_configure_library target name)
    string(REGEX REPLACE "^cryo-" "" export_name "${name}")
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${export_name}
        OUTPUT_NAME ${name}
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
        INSTALL_RPATH "$ORIGIN"
        LINKER_LANGUAGE CXX
        POSITION_INDEPENDENT_CODE ON
        CXX_EXTENSIONS OFF
        CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON)
    target_compile_features(${target} PUBLIC cxx_std_20)

    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        # Not for a library that is to export: its objects make a shared one too.
        target_compile_definitions(${target} INTERFACE
            "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:CRYO_EXPORTS>>>:CRYO_STATIC_DEFINE>")
    endif()
endfunction()

# cryo_add_other_linkage(<target> <name>): <target>_other is the shared library where <target> is static, and the other
# way round, from the same objects. Unit tests need the static one, tests/package needs both.
function(cryo_add_other_linkage target name)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        set(other_type SHARED)
    else()
        set(other_type STATIC)
    endif()
    add_library(${target}_other ${other_type} $<TARGET_OBJECTS:${target}>)
    cryo_configure_library(${target}_other ${name})
    set_target_properties(${target}_other PROPERTIES
        ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/other"
        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/other")
endfunction()

# cryo_static_of(<target> <variable>): the static one of a library's two linkages.
function(cryo_static_of target variable)
    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        set(${variable} ${target} PARENT_SCOPE)
    else()
        set(${variable} ${target}_other PARENT_SCOPE)
    endif()
endfunction()
