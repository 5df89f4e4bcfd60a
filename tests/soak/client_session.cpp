#include "soak/client_session.h"

#include <algorithm>
#include <utility>

#include <sys/epoll.h>

namespace soak {

using namespace std::chrono_literals;

namespace {

// The longest of these is 10 s, for a handshake; the machine may be busy.
constexpr auto kPatience = 30s;
constexpr auto kSidReleaseTime = 5s;
constexpr auto kMeanLife = 60s;
constexpr auto kMeanPause = 1250ms;
constexpr auto kConnectSpread = 3s;

constexpr double kMisfitShare = 0.04;
constexpr double kSlowShare = 0.0005;  // of the times it acts
constexpr std::uint32_t kMessagesAtOnce = 4;
constexpr std::size_t kMaxOutstanding = 16;
constexpr std::uint32_t kSlowBurst = 48;       // 3 MiB: more than the kernel takes for a peer that does not read
constexpr std::uint32_t kVerySlowBurst = 320;  // 20 MiB: more than the server takes; it stops reading
constexpr double kVerySlowShare = 0.1;

}  // namespace

ClientSession::ClientSession(Context& context, std::uint32_t index)
    : context_(context),
      index_(index),
      connection_(context.epoll, index),
      wake_at_(context.now + context.random.between(0ms, kConnectSpread)) {
    context.random.fill(session_id_);
}

void ClientSession::on_event(std::uint32_t events) {
    if (state_ == State::connecting) return on_established();
    if ((events & EPOLLOUT) != 0) flush();
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) on_readable();
}

void ClientSession::on_tick() {
    if (context_.now < wake_at_) return;
    switch (state_) {
        case State::idle:
            return connect();
        case State::open:
            return act();
        case State::connecting:
            return fail("not accepted in time");
        case State::upgrading:
            return fail("upgrade unanswered");
        case State::draining:
            return fail(std::to_string(outstanding_.size()) + " echoes lost");
        case State::closing:
            return fail(close_received_ ? "stream not ended after the close" : "close unanswered");
        case State::doomed:
            return fail("handshake that leads nowhere tolerated");
    }
}

// -- opening ---------------------------------------------------------------------------------------------------------

void ClientSession::connect() {
    if (context_.finishing || context_.openings_left == 0) return;
    context_.openings_left -= 1;
    if (!connection_.open(context_.target.port)) {
        return fail("cannot connect");
    }
    state_ = State::connecting;
    wake_at_ = context_.now + kPatience;
}

void ClientSession::on_established() {
    if (!connection_.established()) {
        return fail("connection refused");
    }
    if (context_.random.chance(kMisfitShare)) return start_misfit();
    state_ = State::upgrading;
    wake_at_ = context_.now + kPatience;
    send_text(upgrade_request(context_.target.token, session_id_));
}

void ClientSession::start_misfit() {
    ++context_.statistics.misfits;
    misfit_ = draw_misfit(context_.random);
    state_ = State::doomed;
    wake_at_ = context_.now + kPatience;
    send_text(opening_of(misfit_, context_.target.token, session_id_, context_.random));
    if (misfit_ == Misfit::vanishing) kill();
}

void ClientSession::on_upgrade_response(Bytes& input) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    const auto end = as_text(input).find(kEnd);
    if (end == std::string_view::npos) return;
    const int status = upgrade_status(as_text(input).substr(0, end));
    if (state_ == State::doomed) {
        if (!is_answer_to(misfit_, status)) return fail("misfit answered with " + std::to_string(status));
        input = {};
    } else if (status == 101) {
        input = input.subspan(end + kEnd.size());
        on_open();
    } else if (status == 401 && context_.now < sid_busy_until_) {
        ++context_.statistics.sid_in_use;
        forget_connection();
        wake_at_ = context_.now + 100ms;
    } else {
        fail("upgrade answered with " + std::to_string(status));
    }
}

void ClientSession::on_open() {
    ++context_.statistics.opened;
    if (sid_reused_) ++context_.statistics.reconnects;
    sid_busy_until_ = {};
    state_ = State::open;
    const auto draw = context_.random.below(100);
    ending_ = draw < 50 ? Ending::clean : draw < 90 ? Ending::kill : Ending::malformed;
    ends_at_ = context_.now + context_.random.around(kMeanLife);
    progress_at_ = wake_at_ = context_.now;
}

// -- talking ---------------------------------------------------------------------------------------------------------

void ClientSession::act() {
    const bool ends = context_.now >= ends_at_;
    if (ends && ending_ == Ending::kill) {
        ++context_.statistics.kills;
        return kill();
    }
    if (outstanding_.empty() || !connection_.is_reading()) progress_at_ = context_.now;
    connection_.set_reading(true);
    if (context_.now - progress_at_ > kPatience) {
        return fail("no echo for a long time");
    }
    if (ends) return begin_draining(ending_);
    if (context_.random.chance(kSlowShare)) return read_slowly();
    wake_at_ = context_.now + context_.random.around(kMeanPause);
    send_some();
}

void ClientSession::send_some() {
    for (auto left = 1 + context_.random.below(kMessagesAtOnce); left > 0; --left) {
        if (burst_left_ == 0 && outstanding_.size() < kMaxOutstanding) {
            send_message(context_.payloads.draw(context_.random));
        }
    }
    flush();
}

void ClientSession::read_slowly() {
    ++context_.statistics.slow_readings;
    connection_.set_reading(false);
    burst_left_ = context_.random.chance(kVerySlowShare) ? kVerySlowBurst : kSlowBurst;
    wake_at_ = context_.now + context_.random.between(2s, 8s);
    flush();
}

void ClientSession::send_message(Message message) {
    message.number = message_number_++;
    message.ack_id = next_ack_id_++;
    outstanding_.push_back(message);
    send_frame(message.type, message.ack_id, number_bytes(message), context_.payloads.slice(message));
}

void ClientSession::send_frame(FrameType type, std::uint32_t ack_id, Bytes payload, Bytes rest) {
    send_websocket(Opcode::binary, {cryo_header(session_id_, ack_id, type), payload, rest});
}

void ClientSession::send_websocket(Opcode opcode, std::initializer_list<Bytes> parts) {
    append_websocket(connection_.output(), opcode, parts, context_.random.word());
}

void ClientSession::send_text(std::string_view text) {
    const auto bytes = as_bytes(text);
    auto& out = connection_.output();
    out.insert(out.end(), bytes.begin(), bytes.end());
    flush();
}

void ClientSession::flush() {
    while (connection_.flush() && burst_left_ > 0) {
        --burst_left_;
        send_message(context_.payloads.draw_large(context_.random));
    }
}

// -- listening -------------------------------------------------------------------------------------------------------

void ClientSession::on_readable() {
    auto& buffer = context_.read_buffer;
    const auto received = connection_.receive(buffer);
    if (!received) return;
    if (*received == 0) return on_stream_end();
    consume(Bytes(buffer).first(*received));
}

void ClientSession::on_stream_end() {
    if (state_ == State::closing && close_received_) {
        ++(ending_ == Ending::clean ? context_.statistics.clean_closes : context_.statistics.malformed);
    } else if (state_ != State::doomed) {
        return fail("connection ended by the server");
    }
    start_over();
}

void ClientSession::consume(Bytes input) {
    if (!incomplete_.empty()) {
        incomplete_.insert(incomplete_.end(), input.begin(), input.end());
        input = incomplete_;
    }
    if (state_ == State::upgrading || state_ == State::doomed) on_upgrade_response(input);
    if (state_ != State::upgrading && state_ != State::doomed) consume_frames(input);
    if (!connection_.is_open()) return;
    incomplete_ = std::vector<std::byte>(input.begin(), input.end());
    flush();
}

void ClientSession::consume_frames(Bytes& input) {
    WebSocketFrame frame;
    while (connection_.is_open()) {
        switch (take_websocket(input, frame)) {
            case Taken::incomplete:
                return;
            case Taken::invalid:
                return fail("invalid WebSocket frame");
            case Taken::frame:
                break;
        }
        if (frame.opcode == Opcode::close) {
            on_close_frame(frame.payload);
        } else if (frame.opcode == Opcode::binary && !close_received_) {
            on_message(frame.payload);
        } else if (frame.opcode == Opcode::ping && !close_received_) {
            if (state_ != State::closing) send_websocket(Opcode::pong, {frame.payload});
        } else {
            return fail("unexpected WebSocket frame");
        }
    }
}

void ClientSession::on_message(Bytes message) {
    const auto frame = parse_cryo(message);
    if (!frame || frame->session_id != session_id_) {
        return fail("malformed Cryo frame");
    }
    switch (frame->type) {
        case FrameType::ack:
            return on_ack(*frame);
        case FrameType::ping_pong:
            return on_ping(*frame);
        case FrameType::utf8data:
        case FrameType::binarydata:
            return on_echo(*frame);
        case FrameType::error:
            if (state_ == State::closing && expected_close_ == kClientError) return;
            [[fallthrough]];
        default:
            return fail("unexpected Cryo frame");
    }
}

void ClientSession::on_ack(const CryoFrame& frame) {
    if (frame.ack_id != next_acked_id_ || frame.ack_id >= next_ack_id_) {
        return fail("ack out of order");
    }
    ++next_acked_id_;
}

void ClientSession::on_echo(const CryoFrame& frame) {
    if (outstanding_.empty() || frame.ack_id != next_server_id_) return fail("message that is no echo");
    const Message& sent = outstanding_.front();
    if (sent.ack_id >= next_acked_id_) return fail("echo before its ack");
    const auto number = number_bytes(sent);
    const auto slice = context_.payloads.slice(sent);
    if (frame.type != sent.type || frame.payload.size() != number.size() + slice.size() ||
        !std::ranges::equal(frame.payload.first(number.size()), number) ||
        !std::ranges::equal(frame.payload.subspan(number.size()), slice)) {
        return fail("echo out of order or changed");
    }
    ++next_server_id_;
    ++context_.statistics.echoes;
    context_.statistics.echoed_bytes += frame.payload.size();
    progress_at_ = context_.now;
    outstanding_.pop_front();
    send_frame(FrameType::ack, frame.ack_id);
    if (state_ == State::draining) end_when_drained();
}

void ClientSession::on_ping(const CryoFrame& frame) {
    if (as_text(frame.payload) != "ping" || frame.ack_id != next_server_id_) {
        return fail("unexpected ping");
    }
    ++next_server_id_;
    ++context_.statistics.pings;
    if (state_ != State::closing) send_frame(FrameType::ping_pong, frame.ack_id, as_bytes("pong"));
}

void ClientSession::on_close_frame(Bytes payload) {
    const auto code = parse_close(payload);
    if (state_ != State::closing || code != expected_close_ || close_received_) {
        return fail("closed by the server with " + std::to_string(code));
    }
    close_received_ = true;
    if (ending_ == Ending::malformed) send_websocket(Opcode::close, {close_payload(code)});
}

// -- ending ----------------------------------------------------------------------------------------------------------

void ClientSession::finish() {
    switch (state_) {
        case State::idle:
        case State::draining:
        case State::closing:
            return;
        case State::connecting:
        case State::upgrading:
        case State::doomed:
            return kill();
        case State::open:
            return begin_draining(Ending::clean);
    }
}

void ClientSession::begin_draining(Ending ending) {
    ending_ = ending;
    state_ = State::draining;
    wake_at_ = context_.now + kPatience;
    connection_.set_reading(true);
    end_when_drained();
}

void ClientSession::end_when_drained() {
    if (!outstanding_.empty() || burst_left_ > 0) return;
    state_ = State::closing;
    wake_at_ = context_.now + kPatience;
    if (ending_ == Ending::malformed) {
        expected_close_ = append_malformed(connection_.output(), session_id_, context_.random);
    } else {
        expected_close_ = kGraceful;
        send_websocket(Opcode::close, {close_payload(kGraceful)});
    }
    flush();
}

void ClientSession::kill() {
    context_.statistics.abandoned_echoes += outstanding_.size();
    sid_busy_until_ = context_.now + kSidReleaseTime;
    connection_.reset();
    start_over();
}

void ClientSession::start_over() {
    forget_connection();
    wake_at_ = context_.now + (context_.random.chance(0.5) ? 0ms : 200ms);
    sid_reused_ = context_.random.chance(0.5);
    if (!sid_reused_) context_.random.fill(session_id_);
}

void ClientSession::forget_connection() {
    connection_.close();
    state_ = State::idle;
    incomplete_ = {};
    burst_left_ = next_ack_id_ = next_acked_id_ = next_server_id_ = 0;
    outstanding_.clear();
    close_received_ = false;
}

void ClientSession::fail(std::string_view what) {
    context_.statistics.fail("client " + std::to_string(index_) + ": " + std::string(what));
    kill();
}

}  // namespace soak
