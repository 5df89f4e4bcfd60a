#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/child_process.h"
#include "support/client_socket.h"
#include "support/wait.h"

namespace cryo::test {

/// A real nats-server on a free port of the loopback.
class NatsServer {
public:
    /// @param options more of its command line: `--user`, `--tls` ...
    explicit NatsServer(std::vector<std::string> options = {}) : port_(free_port()), options_(std::move(options)) {
        start();
    }

    std::uint16_t port() const noexcept { return port_; }
    std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

    void start() {
        std::vector<std::string> arguments{"nats-server",         "--addr", "127.0.0.1", "--port",
                                           std::to_string(port_), "--log",  "/dev/null"};
        arguments.insert(arguments.end(), options_.begin(), options_.end());
        process_ = std::make_unique<ChildProcess>(std::move(arguments));
        if (!eventually([this] { return ClientSocket(port_).connected(); })) {
            throw std::runtime_error("nats-server does not listen");
        }
    }
    void stop() {
        process_->end(SIGKILL);
        process_.reset();
    }

private:
    std::uint16_t port_;
    std::vector<std::string> options_;
    std::unique_ptr<ChildProcess> process_;
};

}  // namespace cryo::test
