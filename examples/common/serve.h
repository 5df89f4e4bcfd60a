#pragma once

#include <atomic>
#include <csignal>
#include <iostream>
#include <string>

#include <cryo/server.h>

namespace example {

/// Says on standard error what went wrong. @returns the code to exit with
inline int fail(std::string_view program, const cryo::Error& error) {
    std::cerr << program << ": " << error.message << '\n';
    return 1;
}

/// Prints the address as soon as the server listens, for people and for scripts that asked for any free port.
inline void announce(cryo::Server& server, const cryo::ServerOptions& options) {
    const auto host = options.host.find(':') == std::string::npos ? options.host : '[' + options.host + ']';
    server.on_listening([url = (options.tls ? "https://" : "http://") + host](std::uint16_t port) {
        std::cout << "listening on " << url << ':' << port << std::endl;
    });
}

/// Runs the server until SIGINT or SIGTERM, then lets it drain. @returns the code to exit with
inline int serve(std::string_view program, cryo::Server& server) {
    static std::atomic<cryo::Server*> running{nullptr};
    running = &server;
    // `stop` is one of the few things a signal handler may do.
    const auto stop = [](int) {
        if (auto* target = running.load()) target->stop();
    };
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
    const auto served = server.run();
    running = nullptr;
    return served ? 0 : fail(program, served.error());
}

}  // namespace example
