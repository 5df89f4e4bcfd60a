#pragma once
// A node in a process of its own, for tests that kill and pause it. The program of a backend says
//   int main(int argc, char** argv) { return cryo::test::run_node(argc, argv, connect); }

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "integration/cluster/bus_node.h"

namespace cryo::test {

/// Arguments: the backend's port, the node's name. Publishes rising numbers to the topic "t", answers questions, and
/// runs until it is killed.
inline int run_node(int argc, char** argv,
                    const std::function<std::unique_ptr<cluster::IPubSub>(std::uint16_t port)>& connect) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s <port of the backend> <name>\n", argv[0]);
        return 2;
    }
    BusNode node(quick_bus(argv[2]), connect(static_cast<std::uint16_t>(std::atoi(argv[1]))));
    for (int next = 0;; ++next) {
        node.publish("t", std::to_string(next));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace cryo::test
