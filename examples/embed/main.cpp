// cryo inside a program that has a main loop of its own: the server runs on its threads, the program goes on with its
// work and tells everybody who is connected how far it has come. Usage: embed [ticks [port]]
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include <cryo/cryo.h>

int main(int argc, char** argv) {
    const int ticks = argc > 1 ? std::stoi(argv[1]) : 60;
    cryo::ServerOptions options{.host = "127.0.0.1"};
    options.port = static_cast<std::uint16_t>(argc > 2 ? std::stoul(argv[2]) : 0);

    auto created = cryo::Server::create(options, cryo::make_validator([](std::string_view token) {
                                            return cryo::constant_time_equal(token, "secret");
                                        }));
    if (!created) return std::cerr << created.error().message << '\n', 1;
    auto& server = *created.value();
    if (const auto started = server.start(); !started) return std::cerr << started.error().message << '\n', 1;
    std::cout << "listening on http://127.0.0.1:" << server.port() << std::endl;

    for (int tick = 1; tick <= ticks; ++tick) {  // the program's own work
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        server.for_each_session([tick](cryo::Session& session) { session.send_utf8("tick " + std::to_string(tick)); });
    }

    server.stop();
    server.wait();
}
