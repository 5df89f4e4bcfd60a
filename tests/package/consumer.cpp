// Uses enough of the API to need the whole library, and all that it links.
#include <iostream>

#include <cryo/cryo.h>

int main() {
    if (cryo::version() != CRYO_VERSION_STRING) return 1;
    auto server = cryo::Server::create(
        {.host = "127.0.0.1", .port = 0},
        cryo::make_validator([](std::string_view token) { return cryo::constant_time_equal(token, "secret"); }));
    if (!server) return 1;
    if (!(*server)->start() || (*server)->port() == 0) return 1;
    (*server)->stop();
    (*server)->wait();
    std::cout << "cryo " << cryo::version() << '\n';
}
