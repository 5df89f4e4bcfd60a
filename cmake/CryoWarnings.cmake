# cryo_warnings: link it PRIVATE to every target of this project.
add_library(cryo_warnings INTERFACE)
target_compile_options(cryo_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
    $<$<BOOL:${CRYO_WERROR}>:-Werror>)
