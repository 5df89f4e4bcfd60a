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
#include <utility>
#include <vector>

#include <unistd.h>

#include "integration/cluster/bus_node.h"
#include "integration/cluster/hub_node.h"

namespace cryo::test {

/// Arguments: the backend's port, the node's name. Publishes rising numbers to the topic "t", answers questions, and
/// runs until it is killed. With a user, a topic and connection ids behind these, it is a node with a hub instead, that
/// has these connections as receivers.
inline int run_node(int argc, char** argv,
                    const std::function<std::unique_ptr<cluster::IPubSub>(std::uint16_t port)>& connect) {
    if (argc != 3 && argc < 6) {
        std::fprintf(stderr, "usage: %s <port of the backend> <name> [<user> <topic> <connection id>...]\n", argv[0]);
        return 2;
    }
    const auto options = quick_bus(argv[2]);
    auto backend = connect(static_cast<std::uint16_t>(std::atoi(argv[1])));
    if (argc > 3) {
        HubNode node(options, std::move(backend));
        std::vector<HubNode::Peer> peers;
        for (int i = 5; i < argc; ++i)
            peers.push_back(node.attach({.id = argv[i], .user = argv[3], .topics = {argv[4]}}));
        for (;;) ::pause();
    }
    BusNode node(options, std::move(backend));
    for (int next = 0;; ++next) {
        node.publish("t", std::to_string(next));
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

}  // namespace cryo::test
