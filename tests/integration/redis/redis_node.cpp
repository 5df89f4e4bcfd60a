#include <string_view>

#include "integration/cluster/node_process.h"
#include "redis_backend.h"

/// Arguments: the kind of Redis, then those of `run_node`.
int main(int argc, char** argv) {
    using namespace cryo::test;
    const std::string_view name = argc > 1 ? argv[1] : "";
    const RedisKind kind = name == "sharded"   ? RedisKind::sharded
                           : name == "cluster" ? RedisKind::cluster
                                               : RedisKind::single;
    return run_node(argc - 1, argv + 1, [kind](std::uint16_t port) { return connect_redis(kind, port); });
}
