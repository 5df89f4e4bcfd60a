#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "soak/connection.h"
#include "soak/context.h"
#include "soak/misbehaviour.h"
#include "soak/wire.h"

namespace soak {

/// One of the clients. It connects, talks, ends in one way or another, and connects again, for as long as the round
/// goes on; it holds the server to the protocol all the while.
class ClientSession {
public:
    ClientSession(Context& context, std::uint32_t index);

    void on_event(std::uint32_t events);
    /// Many times a second.
    void on_tick();
    /// The round ends: get every echo, then close.
    void finish();

    bool is_idle() const noexcept { return state_ == State::idle; }
    bool is_open() const noexcept { return state_ == State::open; }

private:
    enum class State : std::uint8_t {
        idle,        // until it is time to connect
        connecting,  // TCP
        upgrading,   // the request is sent
        open,
        draining,  // sends no more, waits for the echoes
        closing,   // sent what ends the session, waits for the close frame and the end of the stream
        doomed,    // never to become a session; waits to be hung up on
    };
    enum class Ending : std::uint8_t { clean, kill, malformed };

    void connect();
    void on_established();
    void start_misfit();
    void on_upgrade_response(Bytes& input);
    void on_open();
    void act();
    void send_some();
    void read_slowly();
    void begin_draining(Ending ending);
    void end_when_drained();
    void kill();
    void start_over();
    void forget_connection();

    void on_readable();
    void on_stream_end();
    void consume(Bytes input);
    void consume_frames(Bytes& input);
    void on_message(Bytes message);
    void on_ack(const CryoFrame& frame);
    void on_echo(const CryoFrame& frame);
    void on_ping(const CryoFrame& frame);
    void on_close_frame(Bytes payload);

    void send_message(Message message);
    void send_frame(FrameType type, std::uint32_t ack_id, Bytes payload = {}, Bytes rest = {});
    void send_websocket(Opcode opcode, std::initializer_list<Bytes> parts);
    void send_text(std::string_view text);
    void flush();
    /// The server did what it must not do; that ends the connection.
    void fail(std::string_view what);

    Context& context_;
    const std::uint32_t index_;
    Connection connection_;
    SessionId session_id_{};
    bool sid_reused_ = false;
    Instant sid_busy_until_{};  // the server may take this long to notice a kill
    State state_ = State::idle;
    Instant wake_at_;  // when the state has lasted long enough
    Misfit misfit_{};  // when doomed
    std::uint32_t message_number_ = 0;

    // From here on: of one connection.
    Ending ending_ = Ending::clean;
    Instant ends_at_{};      // the open state
    Instant progress_at_{};  // the last echo, or nothing was outstanding
    std::vector<std::byte> incomplete_;
    std::uint32_t burst_left_ = 0;      // large messages to send as soon as there is room
    std::uint32_t next_ack_id_ = 0;     // own
    std::uint32_t next_acked_id_ = 0;   // the server's acks come in order
    std::uint32_t next_server_id_ = 0;  // the server numbers its frames without a gap
    std::deque<Message> outstanding_;
    std::uint16_t expected_close_ = 0;
    bool close_received_ = false;
};

}  // namespace soak
