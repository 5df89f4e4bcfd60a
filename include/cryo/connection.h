#pragma once

#include <any>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/export.h>
#include <cryo/http.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo {

/// What became of a message handed to `send`.
enum class SendStatus {
    sent,       ///< In the write buffer; it leaves with this turn of the loop.
    queued,     ///< The peer is slow, or the call came from another thread: it waits. Slow down, or wait for `drain`.
    dropped,    ///< Refused by the drop policy or a limit, or vetoed by an extension.
    too_large,  ///< It does not fit `max_queued_bytes`, and there is nothing it could wait for.
    closed,     ///< The connection is closing or gone.
};

enum class MessageKind : std::uint8_t { text, binary };

struct SendOptions {
    /// With `DropPolicy::dedupe_latest`: replaces a queued message with the same key. Empty: compares the bytes.
    std::string_view dedupe_key{};
};

/// Why a message was thrown away.
enum class DropReason {
    queue_full,  ///< Evicted to make room, or refused for lack of it.
    duplicate,   ///< Superseded by, or identical with, another queued message.
    too_large,   ///< Larger than `max_queued_bytes`.
    vetoed,      ///< An extension's hook said no, or never decided.
    closed,      ///< Still queued, or on its way from another thread, when the connection ended.
    invalid,     ///< Text for a session that is not UTF-8.
};

/// A message that will not arrive; or several of one kind and reason, refused on other threads and told of together.
struct DroppedMessage {
    MessageKind kind{};
    std::size_t bytes = 0;  ///< Payload, of all of them.
    DropReason reason{};
    std::string_view dedupe_key{};  ///< Valid during the callback. Empty for refusals on other threads.
    std::size_t count = 1;
};

/// How a connection ended.
struct CloseEvent {
    std::uint16_t code = 1006;  ///< RFC 6455 7.4; 1006: without a closing handshake.
    std::string_view reason{};  ///< Valid during the callback.
    bool by_peer = false;
};

/// Counters of one connection. A snapshot.
struct ConnectionStats {
    std::uint64_t messages_received = 0, messages_sent = 0, messages_dropped = 0;
    std::uint64_t bytes_received = 0, bytes_sent = 0;  ///< Payload bytes of messages.
    std::size_t queued_messages = 0, queued_bytes = 0;
    std::size_t unsent_bytes = 0;  ///< Write buffer, TLS and kernel.
    bool throttled = false;
    std::chrono::steady_clock::time_point last_heard{};  ///< When the peer last sent anything, be it a pong.
};

/// A message encoded once, to be sent to many connections on many threads.
///
/// Thread safety: immutable; copies share the bytes. Compressed, if at all, once.
class CRYO_API PreparedMessage {
public:
    static PreparedMessage text(std::string_view utf8);
    static PreparedMessage binary(Bytes data);

    MessageKind kind() const noexcept;
    Bytes payload() const noexcept;

    struct Encoded;
    const std::shared_ptr<const Encoded>& encoded() const noexcept { return encoded_; }

private:
    explicit PreparedMessage(std::shared_ptr<const Encoded> encoded) noexcept : encoded_(std::move(encoded)) {}
    std::shared_ptr<const Encoded> encoded_;
};

class Connection;
using ConnectionPtr = std::shared_ptr<Connection>;

/// A plain WebSocket connection: the floor every protocol stands on.
///
/// Thread safety: methods marked "any thread" may be called from everywhere; the others on the connection's loop, which
/// is where all its callbacks run; `post` gets you there. Lifetime: the handle can outlive the socket; a closed
/// connection answers `closed`. Keep a `ConnectionPtr`
/// (`shared_from_this()`), or a weak one inside closures.
/// Order: messages arrive in the order of the calls, from whichever threads, that happened one after the other.
class CRYO_API Connection : public std::enable_shared_from_this<Connection> {
public:
    virtual ~Connection() = default;

    /// A number no other connection of this process has. Any thread.
    virtual std::uint64_t id() const noexcept = 0;
    /// The client's address, behind trusted proxies the one they forwarded. Any thread.
    virtual std::string_view remote_address() const noexcept = 0;
    /// The negotiated subprotocol, or empty. Any thread.
    virtual std::string_view subprotocol() const noexcept = 0;
    virtual bool is_open() const noexcept = 0;  ///< Any thread.

    /// Any thread. The payload is copied before return. `send_text` needs valid UTF-8: the peer closes on anything
    /// else.
    virtual SendStatus send_text(std::string_view utf8, SendOptions options = {}) = 0;
    virtual SendStatus send_binary(Bytes data, SendOptions options = {}) = 0;
    virtual SendStatus send(const PreparedMessage& message, SendOptions options = {}) = 0;

    /// Any thread. Sends what is queued, then a Close frame; the peer has `close_timeout` for its part.
    /// @param code 1000 to 4999 as RFC 6455 7.4 allows on the wire; others become 1000
    /// @param reason at most 123 bytes; longer ones are cut at a character
    virtual void close(std::uint16_t code = 1000, std::string_view reason = {}) = 0;

    /// Any thread. Cuts the connection without a farewell; what is queued is lost.
    virtual void destroy() = 0;

    /// Any thread. While paused nothing is read; TCP slows the peer down. Not counted: one resume ends any number of
    /// pauses.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;

    /// Any thread. Runs the task on this connection's loop; false when the loop has ended.
    virtual bool post(UniqueFunction<void()> task) = 0;

    virtual ConnectionStats stats() const = 0;
    /// From now on messages that this connection drops are counted there, too.
    virtual void count_drops_in(std::shared_ptr<std::atomic<std::uint64_t>> counter) = 0;

    /// A slot for the application's own state.
    virtual std::any& user_data() noexcept = 0;
};

/// Answer to one upgrade request: exactly once, now or later, from any thread. Destroyed unanswered: refused with 403.
/// Answers after the peer has gone are ignored.
class CRYO_API UpgradeReply {
public:
    struct Verdict {
        int status = 101;                                        ///< 101: accepted; else that of the refusal.
        std::string text{};                                      ///< Body of a refusal.
        std::any user_data{};                                    ///< Becomes `Connection::user_data()`.
        std::vector<HttpHeader> headers{};                       ///< Of a refusal.
        std::string content_type = "text/plain; charset=utf-8";  ///< Of a refusal.
    };

    explicit UpgradeReply(UniqueFunction<void(Verdict)> deliver) noexcept : deliver_(std::move(deliver)) {}
    UpgradeReply(UpgradeReply&&) noexcept = default;
    UpgradeReply& operator=(UpgradeReply&&) noexcept;
    ~UpgradeReply();

    /// The connection opens, soon, with this in its `user_data`. When it cannot any more (the peer has gone, the time
    /// for the answer has passed, the server stops), there is no `open`, and `user_data` is destroyed: on the
    /// connection's loop, or right here once that has ended. So what has to be undone then can be undone by its
    /// destructor.
    void accept(std::any user_data = {});
    /// @param status 400 to 599; anything else becomes 403
    void refuse(int status = 403, std::string text = "forbidden") {
        refuse(HttpResponse::text(status, std::move(text) + "\n"));
    }
    /// With headers and a body of your own; the status as above. The connection closes after it.
    void refuse(HttpResponse response);

private:
    void answer(Verdict verdict);
    UniqueFunction<void(Verdict)> deliver_;
};

/// The behaviour of a WebSocket endpoint; leave out what is not needed. All run on the connection's loop; with several
/// threads they are called from several loops at the same time. What they throw closes the connection with 1011.
struct WebSocketHandlers {
    /// Sees path, query, headers, origin and address before the upgrade, when the request is a valid one (the server
    /// answers others with 400 or 426) and there is room for the connection. Empty: everybody is let in.
    std::function<void(const HttpRequest&, UpgradeReply)> admit{};
    std::function<void(Connection&)> open{};
    std::function<void(Connection&, std::string_view)> text{};
    std::function<void(Connection&, Bytes)> binary{};
    std::function<void(Connection&)> drain{};  ///< The connection is no longer throttled.
    std::function<void(Connection&, const DroppedMessage&)> dropped{};
    std::function<void(Connection&)> pong{};  ///< The peer is there: it answered a ping of the server.
    std::function<void(Connection&, const CloseEvent&)> closed{};  ///< Exactly once for each `open`.

    /// What connections are closed with when the server stops; 1000 to 4999 as for `Connection::close`.
    std::uint16_t stop_code = 1001;

    /// Offered in this order of preference; the first that the client also names is chosen.
    std::vector<std::string> subprotocols{};
};

/// All connections of one `Server::websocket` path.
///
/// Thread safety: any thread. Lifetime: the server's.
class CRYO_API Endpoint {
public:
    virtual ~Endpoint() = default;

    /// Sends one message to every connection of the path, on all loops, encoded once. Each connection's own
    /// backpressure applies. Connections of the calling loop get it at the end of the loop's turn at the latest, in the
    /// order of the calls, others soon after. When as many bytes as one connection may hold wait for another loop, what
    /// comes on top is dropped for that loop's connections, each of which hears of it.
    virtual void broadcast(const PreparedMessage& message) = 0;
    virtual std::size_t connection_count() const noexcept = 0;
};

}  // namespace cryo
