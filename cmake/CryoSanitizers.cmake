# Applies CRYO_SANITIZE to everything built below; a library and its tests must be instrumented alike.
if(CRYO_SANITIZE)
    list(JOIN CRYO_SANITIZE "," _cryo_sanitizers)
    add_compile_options(-fsanitize=${_cryo_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${_cryo_sanitizers})
endif()

if(CRYO_BUILD_FUZZERS)
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "CRYO_BUILD_FUZZERS needs clang (libFuzzer); use the preset \"fuzz\"")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
