# Builds and runs the consumer with what pkg-config says, and nothing else.
set(ENV{PKG_CONFIG_PATH} "${PREFIX}/${LIBDIR}/pkgconfig")
execute_process(
    COMMAND "${PKG_CONFIG}" --cflags --libs ${PKG_CONFIG_FLAGS} "cryo >= 0.1"
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(
    COMMAND "${CXX}" -std=c++20 "${SOURCE}" -o "${PREFIX}/consumer" ${flags} "-Wl,-rpath,${PREFIX}/${LIBDIR}"
    COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${PREFIX}/consumer" COMMAND_ERROR_IS_FATAL ANY)
