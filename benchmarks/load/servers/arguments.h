#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

/// The command line that all servers share. C++17: WebSocket++ does not compile as C++20.
struct Arguments {
    std::uint16_t port = 0;
    std::string certificate, key;
    int spin_us = 0;
};

/// @param is_limit the hand-written server, which can also do TLS and spin
/// @returns nothing when the command line is wrong; the usage is printed then
inline std::optional<Arguments> parse_arguments(int argc, char** argv, bool is_limit) {
    Arguments arguments;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--port") {
            arguments.port = static_cast<std::uint16_t>(std::atoi(argv[i + 1]));
        } else if (is_limit && name == "--cert") {
            arguments.certificate = argv[i + 1];
        } else if (is_limit && name == "--key") {
            arguments.key = argv[i + 1];
        } else if (is_limit && name == "--spin-us") {
            arguments.spin_us = std::atoi(argv[i + 1]);
        } else {
            argc = 0;
        }
    }
    if (argc % 2 == 1 && arguments.certificate.empty() == arguments.key.empty()) return arguments;
    std::cerr << "usage: " << argv[0] << " [--port N]" << (is_limit ? " [--cert FILE --key FILE] [--spin-us N]" : "")
              << '\n';
    return std::nullopt;
}

inline void announce(int port) { std::cout << "listening on 127.0.0.1:" << port << std::endl; }
