#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <cryo/bytes.h>
#include <cryo/export.h>
#include <cryo/result.h>
#include <cryo/session.h>
#include <cryo/unique_function.h>

namespace cryo {

class Server;

/// A message on its way through the hooks, which may change it.
class Message {
public:
    explicit Message(std::string text) : content_(std::move(text)) {}
    explicit Message(std::vector<std::byte> data) : content_(std::move(data)) {}

    MessageKind kind() const noexcept { return content_.index() == 0 ? MessageKind::text : MessageKind::binary; }
    /// Only in the utf8 hooks. Must stay valid UTF-8: a message that is not is dropped.
    std::string& utf8() noexcept { return *std::get_if<std::string>(&content_); }
    /// Only in the binary hooks.
    std::vector<std::byte>& binary() noexcept { return *std::get_if<std::vector<std::byte>>(&content_); }

    Bytes bytes() const noexcept {
        if (const auto* text = std::get_if<std::string>(&content_)) return as_bytes(*text);
        return *std::get_if<std::vector<std::byte>>(&content_);
    }

private:
    std::variant<std::string, std::vector<std::byte>> content_;
};

/// What a hook decided.
enum class Verdict {
    proceed,  ///< On to the next hook, then to the peer or the application.
    drop,     ///< A veto: the message is dropped, no further hook sees it.
    defer,    ///< Decided later through the `Deferred` that `HookContext::defer` gave.
};

/// The right to decide later about one message. Move-only; any thread; exactly once.
///
/// Messages of the same session and direction wait behind it, so that order is kept; up to the limits in
/// `Backpressure`. Destroyed undecided: dropped. Decisions after the session's end are ignored.
class CRYO_API Deferred {
public:
    /// Null `replacement`: go on with the message as the hook left it.
    struct Decision {
        Verdict verdict = Verdict::drop;  ///< `proceed` or `drop`
        std::variant<std::monostate, Message> replacement{};
    };

    explicit Deferred(UniqueFunction<void(Decision)> deliver) noexcept : deliver_(std::move(deliver)) {}
    Deferred(Deferred&&) noexcept = default;
    Deferred& operator=(Deferred&&) noexcept;
    ~Deferred();

    void proceed();
    /// Goes on with another message, of the same kind; one of the other kind drops it.
    void proceed(Message replacement);
    void drop();

private:
    void decide(Decision decision);
    UniqueFunction<void(Decision)> deliver_;
};

/// What a hook is told beside the message. Valid during the hook.
class CRYO_API HookContext {
public:
    virtual Session& session() noexcept = 0;
    /// Call at most once, and return `Verdict::defer` then.
    virtual Deferred defer() = 0;

protected:
    ~HookContext() = default;
};

/// Keeps a server's loops running while it stops, until it is destroyed or `release` is called; `drain_timeout` at
/// most. Move-only; any thread.
class CRYO_API StopHold {
public:
    explicit StopHold(UniqueFunction<void()> release) noexcept : release_(std::move(release)) {}
    StopHold(StopHold&&) noexcept = default;
    StopHold& operator=(StopHold&& other) noexcept;
    ~StopHold();

    void release();

private:
    UniqueFunction<void()> release_;
};

/// A plug-in of a server: sees every message of every Cryo session, and sessions come and go.
///
/// Life: `on_register`, `on_start`, hooks, `on_stop`, `on_unregister`. Each of these four comes once, but `on_start`
/// and `on_stop` not when the server never starts, and `on_stop` not when `on_start` failed.
///
/// Order: hooks run in the order of registration; the first veto ends the chain.
/// Thread safety: hooks run on the session's loop; with several threads, several at the same time.
/// Lifetime: shared with the server, from `on_register` to `on_unregister`.
/// Errors: what a hook throws is caught, logged with the extension's name, counted, and taken as `proceed`.
class CRYO_API IExtension {
public:
    virtual ~IExtension() = default;

    /// Unique within a server; constant.
    virtual std::string_view name() const noexcept = 0;

    /// Before its first hook, on the thread that registers it. An error keeps it out; what it has mounted is taken
    /// back. Nowhere in these four may extensions be registered or unregistered: `wrong_state`.
    virtual Result<> on_register(Server&) { return {}; }
    /// The loops are there (`Server::loops`), and run soon or already. On the thread that starts the server, before the
    /// port is served; on a running server after `on_register`, on the same thread. An error ends the start, and the
    /// server with it, or keeps the extension out. Not for calls that wait for the loops: they may not run yet.
    virtual Result<> on_start(Server&) { return {}; }
    /// The server begins to drain, or this extension is unregistered while it runs: time to end what goes on on the
    /// loops, which run on as long as `hold` is kept. Hooks may still come. On the first loop's thread, the last
    /// extension first, or on the one that unregisters; an unregistering call returns after the hold has gone, or after
    /// `drain_timeout`.
    virtual void on_stop(Server&, StopHold) {}
    /// After its last hook has returned; on the thread that unregisters it, or that ends the server.
    virtual void on_unregister(Server&) noexcept {}

    /// The session may talk now; before `Server::on_session`'s handler.
    virtual void on_session_open(Session&) {}
    /// Once for each `on_session_open`, unless unregistered meanwhile; after the session's own `on_closed`.
    virtual void on_session_closed(Session&, const CloseEvent&) {}

    virtual Verdict before_send_utf8(HookContext&, Message&) { return Verdict::proceed; }
    virtual Verdict before_send_binary(HookContext&, Message&) { return Verdict::proceed; }
    virtual Verdict on_receive_utf8(HookContext&, Message&) { return Verdict::proceed; }
    virtual Verdict on_receive_binary(HookContext&, Message&) { return Verdict::proceed; }
};

}  // namespace cryo
