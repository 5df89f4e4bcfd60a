#include "integration/cluster/node_process.h"
#include "integration/nats/nats_fixture.h"

int main(int argc, char** argv) {
    return cryo::test::run_node(argc, argv, [](std::uint16_t port) { return cryo::test::connect_nats(port); });
}
