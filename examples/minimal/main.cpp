#include <iostream>
#include <string>

#include <cryo/cryo.h>

// A Cryo server that sends every text back: minimal [port]
int main(int argc, char** argv) {
    cryo::ServerOptions options;
    if (argc > 1) options.port = static_cast<std::uint16_t>(std::stoul(argv[1]));

    auto created = cryo::Server::create(options, cryo::make_validator([](std::string_view token) {
                                            return cryo::constant_time_equal(token, "secret");
                                        }));
    if (!created) return std::cerr << created.error().message << '\n', 1;
    auto& server = *created.value();

    server.on_listening([](std::uint16_t port) { std::cout << "listening on port " << port << std::endl; });
    server.on_session([](const cryo::SessionPtr& session) {
        session->on_message_utf8([](cryo::Session& self, std::string_view text) { self.send_utf8(text); });
    });

    const auto served = server.run();
    if (!served) std::cerr << served.error().message << '\n';
    return served ? 0 : 1;
}
