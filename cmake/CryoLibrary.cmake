# What the static and the shared form of the core have in common.
function(cryo_configure_library target)
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME cryo
        OUTPUT_NAME cryo
        VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
        INSTALL_RPATH "$ORIGIN"
        LINKER_LANGUAGE CXX
        POSITION_INDEPENDENT_CODE ON
        CXX_EXTENSIONS OFF
        CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON)
    target_compile_features(${target} PUBLIC cxx_std_20)
    target_include_directories(${target} PUBLIC
        "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include;${CRYO_GENERATED_INCLUDE_DIR}>")
    target_link_libraries(${target} PRIVATE
        websockets_shared PkgConfig::libuv OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB Threads::Threads)

    get_target_property(type ${target} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        target_compile_definitions(${target} INTERFACE CRYO_STATIC_DEFINE)
    endif()
endfunction()
