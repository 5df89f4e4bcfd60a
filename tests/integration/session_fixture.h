#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "integration/endpoint_fixture.h"
#include "support/cryo_client.h"

namespace cryo::test {

inline SessionId id_of(const Sid& sid) { return SessionId{sid}; }

inline void echo(Session& session) {
    session.on_message_utf8([](Session& self, std::string_view text) { self.send_utf8(text); });
    session.on_message_binary([](Session& self, Bytes data) { self.send_binary(data); });
}

/// Runs `task` on the session's loop and returns what it does.
template <class Task>
auto on_loop(Session& session, Task task) {
    std::packaged_task<decltype(task())()> packaged(std::move(task));
    auto result = packaged.get_future();
    EXPECT_TRUE(session.post([&packaged] { packaged(); }));
    return result.get();
}

/// A server for Cryo clients whose sessions, and their ends, can be waited for. They echo unless told otherwise.
class CryoServer {
public:
    using Setup = std::function<void(Session&)>;

    explicit CryoServer(ServerOptions options = TestServer::quick_options(), Setup setup = echo,
                        std::shared_ptr<ITokenValidator> validator = make_validator(TestServer::is_secret))
        : server_(std::move(options), std::move(validator)) {
        server_->on_session([this, setup = std::move(setup)](const SessionPtr& session) {
            session->on_closed([this](Session&, const CloseEvent& event) {
                closed.push({event.code, std::string(event.reason), event.by_peer});
            });
            setup(*session);
            opened.push(session);
        });
    }

    Inbox<SessionPtr> opened;
    Inbox<Ended> closed;

    CryoServer& start() {
        server_.start();
        return *this;
    }
    Server* operator->() noexcept { return server_.operator->(); }
    std::uint16_t port() const noexcept { return server_.port(); }
    void destroy() { server_.destroy(); }

    SessionPtr next_session() { return opened.next().value_or(nullptr); }
    Ended next_end() { return closed.next().value_or(Ended{}); }

private:
    TestServer server_;
};

inline std::shared_ptr<CryoClient> connect(CryoServer& server, CryoClient::Options options = {}) {
    return std::make_shared<CryoClient>(server.port(), std::move(options));
}

}  // namespace cryo::test
