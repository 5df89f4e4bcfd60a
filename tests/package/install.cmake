# Installs one component of the tree just built to an empty prefix.
file(REMOVE_RECURSE "${PREFIX}")
execute_process(
    COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${PREFIX}" --component "${COMPONENT}"
    COMMAND_ERROR_IS_FATAL ANY)
