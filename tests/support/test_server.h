#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <cryo/cryo.h>

namespace cryo::test {

/// A real server on a free port of the loopback, with short times; stopped and joined by the destructor.
/// Mount what it serves through `->`, then `start`.
class TestServer {
public:
    static ServerOptions quick_options() {
        ServerOptions options;
        options.host = "127.0.0.1";
        options.port = 0;
        options.drain_timeout = std::chrono::milliseconds(500);
        options.close_timeout = std::chrono::milliseconds(500);
        return options;
    }

    static bool is_secret(std::string_view token) { return token == "secret"; }

    explicit TestServer(ServerOptions options = quick_options(),
                        std::shared_ptr<ITokenValidator> validator = make_validator(is_secret)) {
        auto created = Server::create(std::move(options), std::move(validator));
        if (!created) throw std::runtime_error(created.error().message);
        server_ = std::move(created).value();
    }

    TestServer& start() {
        if (auto started = server_->start(); !started) throw std::runtime_error(started.error().message);
        return *this;
    }

    Server* operator->() noexcept { return server_.get(); }
    Server& operator*() noexcept { return *server_; }
    std::uint16_t port() const noexcept { return server_->port(); }
    void destroy() { server_.reset(); }

private:
    std::unique_ptr<Server> server_;
};

}  // namespace cryo::test
