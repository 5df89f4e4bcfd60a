#pragma once

#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "support/test_server.h"
#include "support/wait.h"
#include "support/ws_client.h"

namespace cryo::test {

using namespace std::chrono_literals;

inline WebSocketHandlers echo_handlers() {
    WebSocketHandlers handlers;
    handlers.text = [](Connection& self, std::string_view text) { self.send_text(text); };
    handlers.binary = [](Connection& self, Bytes data) { self.send_binary(data); };
    return handlers;
}

/// Marks and caps that a slow peer reaches soon.
inline ServerOptions small_options() {
    auto options = TestServer::quick_options();
    options.close_timeout = kPatience;
    options.backpressure.high_water_mark = 64u << 10;
    options.backpressure.low_water_mark = 8u << 10;
    options.backpressure.max_queued_bytes = 40u << 10;
    options.backpressure.max_queue_count = 20;
    return options;
}

/// Runs `task` on the connection's loop and returns what it does.
template <class Task>
auto on_loop(Connection& connection, Task task) {
    std::packaged_task<decltype(task())()> packaged(std::move(task));
    auto result = packaged.get_future();
    EXPECT_TRUE(connection.post([&packaged] { packaged(); }));
    return result.get();
}

/// How an endpoint's connection ended.
struct Ended {
    int code = 0;
    std::string reason{};
    bool by_peer = false;

    bool operator==(const Ended&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Ended& ended) {
        return out << ended.code << " '" << ended.reason << (ended.by_peer ? "' by the peer" : "'");
    }
};

/// Events of an endpoint under test; handlers of its own can be put in beside these.
struct EndpointEvents {
    Inbox<ConnectionPtr> opened;
    Inbox<Ended> closed;

    WebSocketHandlers handlers(WebSocketHandlers others = {}) {
        others.open = [this, open = std::move(others.open)](Connection& self) {
            if (open) open(self);
            opened.push(self.shared_from_this());
        };
        others.closed = [this](Connection&, const CloseEvent& event) {
            closed.push({event.code, std::string(event.reason), event.by_peer});
        };
        return others;
    }
};

/// A server with one endpoint, `/ws`.
class EndpointTest : public ::testing::Test {
protected:
    void start(WebSocketHandlers handlers = echo_handlers(),
               const ServerOptions& options = TestServer::quick_options()) {
        server_.emplace(options);
        auto mounted = (*server_)->websocket("/ws", events_.handlers(std::move(handlers)));
        ASSERT_TRUE(mounted);
        endpoint_ = *mounted;
        server_->start();
    }

    WsClient connect(std::string_view lines = {}) { return WsClient(server_->port(), "/ws", lines); }

    /// The server's side of the latest client.
    ConnectionPtr opened() { return events_.opened.next().value(); }

    EndpointEvents events_;
    std::optional<TestServer> server_;
    Endpoint* endpoint_ = nullptr;
};

}  // namespace cryo::test
