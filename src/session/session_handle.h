#pragma once

#include <any>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <cryo/session.h>

#include "connection/connection_listener.h"
#include "connection/websocket_connection.h"
#include "core/secret_text.h"
#include "extension/hook_queue.h"
#include "extension/hook_runner.h"
#include "session/session_core.h"

namespace cryo::session {

class SessionHandle;

/// What a session needs of its server while it is connected. Loop thread only.
class SessionHost {
public:
    /// The session may talk: tell the application.
    virtual void session_opened(const std::shared_ptr<SessionHandle>& session) = 0;
    /// Its id may be used again.
    virtual void session_closing(SessionHandle& session) = 0;

protected:
    ~SessionHost() = default;
};

/// What the opening request said of a session.
struct Opening {
    SessionId id{};
    SecretText token{};
    Identity identity{};
    std::string path{};
    std::string query{};  ///< As sent, without what the protocol itself uses.
};

/// The session as the application sees it: brings together the protocol (`SessionCore`), the connection below it and
/// the extensions' hooks.
class SessionHandle final : public Session,
                            public connection::ConnectionListener,
                            private Link,
                            private extension::HookSink {
public:
    SessionHandle(SessionHost& host, const extension::HookRunner& hooks, const ServerOptions& options, Opening opening);
    ~SessionHandle() override;

    const std::shared_ptr<connection::WebSocketConnection>& connection() const noexcept { return connection_; }

    // -- Session --
    const SessionId& id() const noexcept override { return opening_.id; }
    std::string_view remote_address() const noexcept override { return connection_->remote_address(); }
    std::string_view path() const noexcept override { return opening_.path; }
    std::optional<std::string> query(std::string_view name) const override;
    const Identity& identity() const noexcept override { return opening_.identity; }
    std::string_view token() const noexcept override { return opening_.token.text(); }
    bool secure() const noexcept override { return secure_; }
    bool is_open() const noexcept override { return connection_->is_open(); }
    SendStatus send_utf8(std::string_view text, SendOptions options) override;
    SendStatus send_binary(Bytes data, SendOptions options) override;
    SendStatus send(const PreparedMessage& message, SendOptions options) override;
    void ping() override;
    void close(CloseCode code, std::string_view reason) override;  // of Link, too
    void destroy() override { connection_->destroy(); }
    void pause_reading() override { connection_->pause_reading(); }
    void resume_reading() override { connection_->resume_reading(); }
    bool post(UniqueFunction<void()> task) override { return connection_->post(std::move(task)); }
    void count_drops_in(std::shared_ptr<std::atomic<std::uint64_t>> counter) override {
        connection_->count_drops_in(std::move(counter));
    }
    SessionStats stats() const override;
    void on_message_utf8(UniqueFunction<void(Session&, std::string_view)> handler) override;
    void on_message_binary(UniqueFunction<void(Session&, Bytes)> handler) override;
    void on_closed(UniqueFunction<void(Session&, const CloseEvent&)> handler) override;
    void on_drain(UniqueFunction<void(Session&)> handler) override;
    void on_dropped(UniqueFunction<void(Session&, const DroppedMessage&)> handler) override;
    void on_stat_rtt(UniqueFunction<void(Session&, std::chrono::microseconds)> handler) override;
    void on_stat_bytes_rx(UniqueFunction<void(Session&, std::uint64_t)> handler) override;
    void on_stat_bytes_tx(UniqueFunction<void(Session&, std::uint64_t)> handler) override;
    void on_stat_ack_timeout(UniqueFunction<void(Session&, std::uint64_t)> handler) override;

    // -- ConnectionListener --
    void on_open(connection::WebSocketConnection& connection) override;
    void on_message(connection::WebSocketConnection&, MessageKind kind, std::span<std::byte> payload) override;
    void on_pong(connection::WebSocketConnection&) override { core_.on_websocket_pong(); }
    SendStatus on_send(connection::WebSocketConnection&, const connection::OutgoingMessage& message) override;
    bool encode(connection::WebSocketConnection&, const connection::OutgoingMessage& message,
                connection::OutputBuffer& out) override;
    void on_close_request(connection::WebSocketConnection& connection, std::uint16_t code,
                          std::string_view reason) override;
    void on_drain(connection::WebSocketConnection&) override;
    void on_dropped(connection::WebSocketConnection&, const DroppedMessage& message) override;
    void on_keepalive(connection::WebSocketConnection&, bool excused) override;
    void on_server_stop(connection::WebSocketConnection&) override;
    void on_closing(connection::WebSocketConnection&) override;
    void on_closed(connection::WebSocketConnection&, const CloseEvent& event) override;

private:
    struct Handlers;
    struct Hooked;

    std::any& slot(std::string_view key) override;
    std::any* find_slot(std::string_view key) noexcept override;

    // -- Link --
    void send_websocket_ping() override;
    void send_control(Bytes message) override;
    void opened() override;
    void received(MessageKind kind, std::span<std::byte> payload) override;
    void heartbeat(const HeartbeatStats& stats) override;

    // -- HookSink --
    SendStatus passed(extension::Direction direction, Message& message, std::string_view dedupe_key) override;
    void dropped(extension::Direction direction, const DroppedMessage& message) override;
    void unblocked(extension::Direction direction) override;

    void deliver(MessageKind kind, Bytes payload);
    SendStatus refuse_invalid(std::size_t text_bytes);
    Handlers& handlers();
    Hooked& hooked();
    template <class Handler, class... Args>
    bool emit(Handler Handlers::*which, std::string_view name, Args&&... args);
    template <class Handler>
    void set(Handler Handlers::*which, Handler handler);
    void ping_on_loop();
    void close_now();
    void close_when_idle();
    void on_timer() noexcept;

    SessionHost& host_;
    const extension::HookRunner& hooks_;
    const ServerOptions& options_;
    Opening opening_;
    std::shared_ptr<connection::WebSocketConnection> connection_{};
    SessionCore core_;
    std::unique_ptr<Handlers> handlers_{};
    std::unique_ptr<Hooked> hooked_{};
    std::unique_ptr<std::map<std::string, std::any, std::less<>>> store_{};
    transport::MemberTimer<SessionHandle, &SessionHandle::on_timer> timer_{*this};
    std::optional<std::pair<std::uint16_t, std::string>> close_later_{};
    std::uint64_t opened_mark_ = 0;
    bool encoding_ = false;
    bool announced_ = false;
    bool secure_ = false;
};

}  // namespace cryo::session
