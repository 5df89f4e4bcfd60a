#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/loop.h>
#include <cryo/redis/reply.h>

#include "reply_reader.h"
#include "secret.h"
#include "socket_address.h"
#include "stream.h"
#include "tls.h"

namespace cryo::redis {

/// How a client introduces itself to a server.
struct Hello {
    Credentials credentials{};
    int database = 0;
    std::string client_name{};
    bool master_only = false;  ///< A replica is refused.

    ~Hello() { OPENSSL_cleanse(credentials.password.data(), credentials.password.size()); }
};

/// What all connections of a client to servers of one kind have in common.
struct LinkConfig {
    static std::shared_ptr<const LinkConfig> make(const Hello& hello, const Options& options,
                                                  std::shared_ptr<const TlsContext> tls);

    std::shared_ptr<const TlsContext> tls{};
    ReplyLimits limits{};
    Wiped hello{};                           ///< Commands sent first, all at once.
    std::vector<std::string> hello_names{};  ///< Their names, in order.
};

/// One connection to one server, from connecting to its loss: TLS, authentication, bytes out, replies in.
///
/// What is sent during one turn of the loop leaves in one write. Loop thread.
class Link final : public std::enable_shared_from_this<Link> {
public:
    class Listener {
    public:
        /// Connected, authenticated, and the server answers.
        virtual void on_ready() = 0;
        virtual void on_reply(Reply reply) = 0;
        /// The last call: it could not be made, or is lost.
        virtual void on_lost(std::string reason) = 0;

    protected:
        ~Listener() = default;
    };

    /// Begins to connect; nothing is told from here.
    static Result<std::shared_ptr<Link>> open(LoopPtr loop, std::shared_ptr<const LinkConfig> config,
                                              const SocketAddress& address, std::string host, Listener& listener);

    Link(LoopPtr loop, std::shared_ptr<const LinkConfig> config, Stream stream, std::string host, Listener& listener);
    ~Link();

    /// Once ready.
    void send(std::string_view wire);
    /// Disconnects; the listener hears nothing any more.
    void close() noexcept;

    std::uint64_t sent() const noexcept { return sent_; }        ///< Bytes handed to `send`.
    std::uint64_t written() const noexcept { return written_; }  ///< Of these, what the kernel or TLS has taken.
    Loop::Clock::time_point last_received() const noexcept { return last_received_; }

private:
    enum class State { connecting, tls, hello, ready, closed };

    Result<> watch();
    void on_event(DescriptorWatch::Events events);
    void proceed_connecting();
    void proceed_tls();
    void say_hello();
    void receive();
    void take_replies();
    void take_hello_reply(const Reply& reply);
    void schedule_flush();
    void flush();
    void update_wanted();
    void lose(std::string reason);

    const LoopPtr loop_;
    const std::shared_ptr<const LinkConfig> config_;
    const std::string host_;
    Listener* const listener_;
    std::optional<Stream> stream_;
    std::unique_ptr<DescriptorWatch> watch_{};  ///< Before the stream is closed, it has to go.
    ReplyReader reader_;
    State state_ = State::connecting;
    std::size_t hello_replies_ = 0;
    std::string output_{};
    std::size_t output_offset_ = 0;  ///< What is before it has been written.
    bool flush_scheduled_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t written_ = 0;
    Loop::Clock::time_point last_received_{};
};

}  // namespace cryo::redis
