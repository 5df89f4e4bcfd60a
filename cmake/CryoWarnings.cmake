# cryo_warnings: link it PRIVATE to every target of this project.
add_library(cryo_warnings INTERFACE)
target_compile_options(cryo_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
    $<$<BOOL:${CRYO_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # g++ 12 sees overlaps in optimised std::string concatenation that are not there (GCC bug 105651).
    target_compile_options(cryo_warnings INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CRYO_SANITIZE)
    # What sanitizers add to the code makes g++ see uninitialised members in std::optional; its manual warns of that.
    target_compile_options(cryo_warnings INTERFACE -Wno-maybe-uninitialized)
endif()
