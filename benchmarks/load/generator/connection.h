#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generator/cryo_session.h"
#include "generator/frames.h"
#include "generator/load_options.h"
#include "generator/message.h"
#include "generator/output.h"
#include "generator/socket.h"
#include "generator/window.h"

namespace load {

class Connection;

/// What a scenario makes of what happens. It must not open or reset connections from here.
class Listener {
public:
    /// Messages can be sent from now on; with CALE, when the session is secure.
    virtual void on_open(Connection&) {}
    /// So many came in one read. @returns how many to send back at once
    virtual std::size_t on_messages(Connection& connection, std::size_t count, Clock::time_point now) = 0;

protected:
    ~Listener() = default;
};

/// What all connections have in common. Buffers are shared: each is in use by one connection at a time.
struct Workbench {
    Workbench(const LoadOptions& load_options, Listener& scenario, int epoll_fd);

    const LoadOptions& options;
    Listener& listener;
    const int epoll;
    const Address address;
    const TlsContextPtr tls;                            // null: without
    const std::optional<cryo::cale::KeyPair> key_pair;  // null: without CALE
    const Message message;
    const std::size_t max_payload_bytes;
    std::vector<std::byte> input;
    Output output{};
    std::size_t opened = 0;
    std::uint64_t progress = 0;  // grows with everything the server does
};

/// One connection to the server: plain WebSocket, or a Cryo session. What goes wrong throws.
class Connection {
public:
    Connection(Workbench& bench, std::size_t index) : bench_(bench), index_(index) {}

    std::size_t index() const noexcept { return index_; }

    void open();
    void on_event(std::uint32_t events);
    /// Not from within `Listener`.
    void send_messages(std::size_t count);
    void reset() noexcept;

private:
    enum class Phase : std::uint8_t { tls_handshake, upgrading, securing, open };

    std::string upgrade_request();
    void control_epoll(int operation, std::uint32_t events);
    void await_room(bool wanted);
    void establish();
    void read();
    std::span<std::byte> take(std::span<std::byte> data, Clock::time_point now);
    std::span<std::byte> take_response_head(std::span<std::byte> data);
    std::size_t handle(const ServerFrame& frame);
    std::size_t handle_message(std::span<std::byte> message);
    void announce();
    void append_messages(std::size_t count);
    void flush();
    void transmit(Bytes data);
    void transmit_rest();

    Workbench& bench_;
    const std::size_t index_;
    Socket socket_{};
    Phase phase_ = Phase::tls_handshake;
    bool awaits_room_ = false;
    std::optional<CryoSession> session_{};  // null: plain WebSocket
    std::vector<std::byte> incomplete_{};   // the beginning of a frame
    std::vector<std::byte> unsent_{};       // what the socket had no room for
    std::size_t sent_of_unsent_ = 0;
};

}  // namespace load
