#pragma once

#include <any>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <cryo/auth.h>
#include <cryo/bytes.h>
#include <cryo/connection.h>
#include <cryo/export.h>
#include <cryo/session_id.h>
#include <cryo/unique_function.h>

namespace cryo {

/// Close codes of the Cryo protocol.
enum class CloseCode : std::uint16_t {
    graceful = 4000,
    client_error = 4001,
    server_error = 4002,
    cale_mismatch = 4010,
    cale_handshake = 4011,
};

/// Counters of one session. A snapshot.
struct SessionStats {
    ConnectionStats connection{};
    std::optional<std::chrono::microseconds>
        rtt{};  ///< Moving average of message-to-ack times; none before the first ack.
    std::uint64_t ack_timeouts = 0;
    std::size_t pending_acks = 0;
};

class Session;
using SessionPtr = std::shared_ptr<Session>;

/// A Cryo session: one deployed Cryo client, from the upgrade to its close.
///
/// It is announced by `Server::on_session` once it may talk (with CALE: once it is secure), and everything of it then
/// happens on one loop.
///
/// Thread safety: methods marked "any thread" may be called from everywhere, the others on the session's loop (`post`
/// gets you there). Events come on the loop. Lifetime: a `SessionPtr` can outlive the connection; sending then answers
/// `closed`. A closure that a session keeps must not own that session: use the `Session&` it is called with, or a weak
/// pointer. Order: messages leave in the order of the calls, and arrive in the order sent, whichever hook defers.
class CRYO_API Session : public std::enable_shared_from_this<Session> {
public:
    virtual ~Session() = default;

    // -- any thread --------------------------------------------------------------------------------------------------

    virtual const SessionId& id() const noexcept = 0;
    /// The client's address, behind trusted proxies the one they forwarded.
    virtual std::string_view remote_address() const noexcept = 0;
    virtual std::string_view path() const noexcept = 0;
    /// The decoded value of a query parameter of the opening request, or null. `authorization` and `x-cryo-sid` are
    /// left out.
    virtual std::optional<std::string> query(std::string_view name) const = 0;
    /// What the validator said of the client.
    virtual const Identity& identity() const noexcept = 0;
    /// The token the client presented. A secret.
    virtual std::string_view token() const noexcept = 0;
    /// Whether CALE encrypts this session (TLS is not counted).
    virtual bool secure() const noexcept = 0;
    virtual bool is_open() const noexcept = 0;

    /// The payload is copied before return. From the loop: what happened. From another thread: `queued`, `dropped` when
    /// too much of other threads' waits, or `closed`. Invalid UTF-8 is refused: `dropped`.
    virtual SendStatus send_utf8(std::string_view text, SendOptions options = {}) = 0;
    virtual SendStatus send_binary(Bytes data, SendOptions options = {}) = 0;
    /// One payload for many sessions; each gets its own frame around it.
    virtual SendStatus send(const PreparedMessage& message, SendOptions options = {}) = 0;

    /// Sends a `ping` frame; the answer restarts the heartbeat's patience.
    virtual void ping() = 0;

    /// Sends what is queued, then closes.
    virtual void close(CloseCode code = CloseCode::graceful, std::string_view reason = {}) = 0;
    /// Cuts the connection at once; what is queued is lost.
    virtual void destroy() = 0;

    /// While paused nothing is read from the client; TCP slows it down. Not counted.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;

    /// Runs the task on this session's loop; false when the loop has ended.
    virtual bool post(UniqueFunction<void()> task) = 0;

    // -- the session's loop ------------------------------------------------------------------------------------------

    virtual SessionStats stats() const = 0;
    /// From now on messages that this session drops are counted there, too.
    virtual void count_drops_in(std::shared_ptr<std::atomic<std::uint64_t>> counter) = 0;

    /// Text is delivered as it came; see the protocol document on lengths of non-ASCII text from the Node client.
    virtual void on_message_utf8(UniqueFunction<void(Session&, std::string_view)> handler) = 0;
    virtual void on_message_binary(UniqueFunction<void(Session&, Bytes)> handler) = 0;
    /// Exactly once, whatever ended the session.
    virtual void on_closed(UniqueFunction<void(Session&, const CloseEvent&)> handler) = 0;
    /// The session is no longer throttled: the unsent bytes fell to the low-water mark.
    virtual void on_drain(UniqueFunction<void(Session&)> handler) = 0;
    virtual void on_dropped(UniqueFunction<void(Session&, const DroppedMessage&)> handler) = 0;

    /// At each heartbeat: the moving average of round trips, payload bytes since the last heartbeat, and messages whose
    /// ack did not come in time since then.
    virtual void on_stat_rtt(UniqueFunction<void(Session&, std::chrono::microseconds)> handler) = 0;
    virtual void on_stat_bytes_rx(UniqueFunction<void(Session&, std::uint64_t)> handler) = 0;
    virtual void on_stat_bytes_tx(UniqueFunction<void(Session&, std::uint64_t)> handler) = 0;
    virtual void on_stat_ack_timeout(UniqueFunction<void(Session&, std::uint64_t)> handler) = 0;

    /// The application's own state, by name and type.
    /// @code
    ///   session.set("room", std::string("lobby"));
    ///   if (auto* room = session.get<std::string>("room")) join(*room);
    /// @endcode
    template <class T>
    T& set(std::string_view key, T value) {
        return slot(key).template emplace<T>(std::move(value));
    }
    /// Null when nothing of that name and type is set.
    template <class T>
    T* get(std::string_view key) noexcept {
        auto* found = find_slot(key);
        return found ? std::any_cast<T>(found) : nullptr;
    }

protected:
    virtual std::any& slot(std::string_view key) = 0;
    virtual std::any* find_slot(std::string_view key) noexcept = 0;
};

}  // namespace cryo
