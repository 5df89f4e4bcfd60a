#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <cryo/connection.h>

#include "connection/connection_listener.h"
#include "connection/connection_table.h"
#include "connection/loop_context.h"
#include "connection/output_buffer.h"
#include "connection/send_queue.h"
#include "connection/sent.h"
#include "transport/socket.h"
#include "websocket/deflate.h"
#include "websocket/frame.h"
#include "websocket/message_reader.h"

namespace cryo::connection {

/// One WebSocket connection of any protocol, from the 101 to the end: reading, the write buffer, throttling and its
/// queue, the closing handshake, keep-alive, counters.
class WebSocketConnection final : public Connection,
                                  public transport::SocketHandler,
                                  public ConnectionSlots,
                                  private websocket::MessageReader::Sink {
public:
    struct Setup {
        std::shared_ptr<ConnectionListener> listener{};
        std::string remote_address{};
        std::string subprotocol{};
        std::optional<websocket::DeflateParameters> deflate{};
        std::any user_data{};
    };

    WebSocketConnection(std::shared_ptr<LoopContext> context, transport::Socket& socket, Setup setup);

    /// Sends the 101; from now on messages flow. `early` came behind the request.
    void open(std::string_view upgrade_response, std::span<std::byte> early);

    // -- Connection (any thread) --
    std::uint64_t id() const noexcept override { return id_; }
    std::string_view remote_address() const noexcept override { return remote_address_; }
    std::string_view subprotocol() const noexcept override { return subprotocol_; }
    bool is_open() const noexcept override { return phase_.load(std::memory_order_relaxed) == Phase::open; }
    SendStatus send_text(std::string_view utf8, SendOptions options) override;
    SendStatus send_binary(Bytes data, SendOptions options) override;
    SendStatus send(const PreparedMessage& message, SendOptions options) override;
    void close(std::uint16_t code, std::string_view reason) override;
    void destroy() override;
    void pause_reading() override;
    void resume_reading() override;
    bool post(UniqueFunction<void()> task) override;
    ConnectionStats stats() const override;
    void count_drops_in(std::shared_ptr<std::atomic<std::uint64_t>> counter) override {
        drop_counter_ = std::move(counter);
    }
    std::any& user_data() noexcept override { return user_data_; }

    // -- for the protocol above, loop thread only --
    LoopContext& context() const noexcept { return *context_; }
    transport::Clock::time_point now() const noexcept { return context_->loop->now(); }

    /// Sends or queues an encoded-by-the-listener message; what `send` does once the protocol has had its say.
    SendStatus write(const OutgoingMessage& message);
    /// Appends to the write buffer ahead of all queued messages; for control frames. They count for
    /// `max_control_bytes`.
    template <class Fill>
    void write_control(Fill&& fill) {
        settle_fan_out();
        if (!takes_control()) return;
        OutputBuffer& out = output();
        const std::size_t before = out.bytes();
        std::forward<Fill>(fill)(out);
        control_written(out.bytes() - before);
    }
    void send_ping(Bytes payload);

    // -- for the FanOut, which writes to the socket itself while the connection has nothing else to send --
    int descriptor() const noexcept { return socket_->descriptor(); }
    /// What `write` does for who has been given what was published before.
    SendStatus write_settled(const OutgoingMessage& message);
    bool leaves_writing_to_fan_out() const noexcept {
        return !out_ && !throttled_ && !control_backlogged() && !socket_->is_tls() && !deflate_parameters_;
    }
    bool has_remote_sends() const noexcept { return remote_bytes_.load(std::memory_order_acquire) != 0; }
    void count_sent(const Sent& sent) noexcept;
    /// How many bytes reach the high-water mark. The kernel is asked only when the estimate is `bytes` or fewer.
    std::size_t room_for(std::size_t bytes);
    /// Appends the end of a message that the socket has taken the beginning of.
    void write_encoded(const PreparedMessage& message, Bytes rest);

    enum PauseReason : std::uint8_t { by_application = 1, by_control_backlog = 2, by_deferred_hooks = 4 };
    void set_paused(PauseReason reason, bool paused);

    void count_drop(const DroppedMessage& message);
    /// A message that is not taken: any thread, told on the loop.
    void refuse(const DroppedMessage& message);
    /// What `close` does once the protocol has had its say.
    void begin_close(std::uint16_t code, std::string_view reason);
    bool control_backlogged() const noexcept { return (paused_ & by_control_backlog) != 0; }
    /// Whether anything came from the peer since the last call.
    bool take_heard() noexcept { return std::exchange(heard_, false); }
    bool ping_unanswered() const noexcept { return ping_unanswered_; }
    void recheck_backlog();
    /// Notes a place in the loop's ThrottledConnections; false when that is nothing new.
    bool wait_for_kernel(bool waits) noexcept { return waits != std::exchange(waits_for_kernel_, waits); }
    const std::optional<websocket::DeflateParameters>& deflate() const noexcept { return deflate_parameters_; }
    /// Appends the message compressed with this connection's own parameters. False, and nothing, when it does not pay.
    bool append_compressed(OutputBuffer& out, MessageKind kind, Bytes payload);

    ConnectionListener& listener() noexcept { return *listener_; }

    // -- SocketHandler --
    void on_bytes(std::span<std::byte> data) noexcept override;
    void on_flush() noexcept override;
    void on_closed() noexcept override;

private:
    /// open -> flushing (close was called, messages are still queued) -> close_sent -> ended; shortened by what the
    /// peer does.
    enum class Phase : std::uint8_t { open, flushing, close_sent, ended };

    /// Read, but not looked at while paused.
    struct HeldBack {
        std::vector<std::byte> bytes{};
        std::size_t begin = 0;
    };

    bool on_message(websocket::Opcode type, std::span<std::byte> payload) override;
    bool on_ping(std::span<const std::byte> payload) override;
    bool on_pong(std::span<const std::byte> payload) override;
    bool on_close(const websocket::CloseFrame& frame) override;
    bool keeps_reading() const noexcept { return paused_ == 0 && phase_ != Phase::ended; }

    std::span<std::byte> read(std::span<std::byte> data);
    void read_held_back();
    void fail(std::uint16_t code, std::string_view reason);

    SendStatus send_from_anywhere(const OutgoingMessage& message);
    SendStatus commit(const OutgoingMessage& message);
    SendStatus enqueue(const OutgoingMessage& message);
    void report(std::vector<SendQueue::Dropped>& dropped);
    void commit_queued();
    void write_out();
    bool holds(std::size_t limit);
    void recheck_throttle();
    std::size_t unsent_bytes() const;
    bool is_receiver() const noexcept { return receiver_slot != kNoSlot; }
    Sent uncounted() const noexcept { return is_receiver() ? context_->fan_out.uncounted(*this) : Sent{}; }

    /// Before anything of its own is sent. May run callbacks of the application.
    void settle_fan_out() {
        if (is_receiver() && (!out_ || context_->fan_out.has_pending())) context_->fan_out.settle(*this);
    }
    OutputBuffer& output();
    bool takes_control() const noexcept;
    void control_written(std::size_t bytes);

    void run_on_loop(void (WebSocketConnection::*action)());
    void destroy_on_loop();
    void pause_on_loop() { set_paused(by_application, true); }
    void resume_on_loop() { set_paused(by_application, false); }
    void report_drop(const DroppedMessage& message);
    void leave_open(Phase next);
    void send_close_frame();
    void finish(const CloseEvent& event);
    void end_writing();
    bool excuses(bool unread);
    void on_timer() noexcept;

    // What each message touches, close together: with many connections, cache lines are what a message costs here.
    std::shared_ptr<LoopContext> context_;
    transport::Socket* socket_;
    std::shared_ptr<ConnectionListener> listener_;
    websocket::MessageReader reader_;
    std::unique_ptr<OutputBuffer> out_{};
    std::unique_ptr<HeldBack> held_back_{};
    std::atomic<std::size_t> remote_bytes_{0};  // of sends from other threads that have not reached the loop
    std::size_t kernel_bytes_ = 0;              // upper bound of what the kernel holds; corrected by asking it
    std::size_t control_bytes_ = 0;             // of the write buffer, about: control frames
    std::int64_t written_ = 0;                  // bytes given to the socket
    std::uint64_t messages_received_ = 0, messages_sent_ = 0, bytes_received_ = 0, bytes_sent_ = 0;
    std::optional<websocket::DeflateParameters> deflate_parameters_;
    std::atomic<Phase> phase_{Phase::open};
    std::uint8_t paused_ = 0;
    bool throttled_ = false;
    bool input_ended_ = false;
    bool heard_ = false;  // since the last time that mattered
    transport::Clock::time_point heard_at_{};
    bool ends_after_flush_ = false;

    bool finished_ = false;     // on_closed was told
    bool held_up_ = false;      // reading was paused on our side's account since the last keep-alive
    bool had_backlog_ = false;  // at the last keep-alive
    bool stuck_ = false;        // nothing of a backlog moved between the last two keep-alives
    bool ping_unanswered_ = false;
    bool write_ended_ = false;
    bool reporting_drop_ = false;
    bool waits_for_kernel_ = false;  // in the loop's ThrottledConnections
    std::uint16_t close_code_ = 0;
    std::int64_t arrived_ = 0;  // bytes that the peer had at the last keep-alive
    std::uint64_t messages_dropped_ = 0;
    std::shared_ptr<std::atomic<std::uint64_t>> drop_counter_{};  // somebody else's
    Refusals refused_{};                                          // of other threads' sends
    std::unique_ptr<SendQueue> queue_{};
    std::unique_ptr<websocket::Deflater> deflater_{};
    transport::MemberTimer<WebSocketConnection, &WebSocketConnection::on_timer> timer_{*this};
    std::string remote_address_;
    std::string subprotocol_;
    std::string close_reason_{};
    std::any user_data_;
    std::uint64_t id_;
};

}  // namespace cryo::connection
