#include "generator/connection.h"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <sys/epoll.h>

namespace load {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;
/// Moving more than this to where the rest is read to takes longer than adding the rest to it.
constexpr std::size_t kMaxMovedBytes = 64 << 10;
constexpr std::size_t kMaxResponseHeadBytes = 16 << 10;
constexpr std::size_t kMaxOwnPayloadBytes = 128;  // of control frames, and of hellos
constexpr std::size_t kSessionOverheadBytes = cryo::protocol::kFrameHeaderBytes + cryo::cale::kOverheadBytes;

std::optional<cryo::cale::KeyPair> make_key_pair(Protocol protocol) {
    if (protocol != Protocol::cale) return std::nullopt;
    auto pair = cryo::cale::KeyPair::generate();
    if (!pair) throw std::runtime_error("cannot make a key pair");
    return pair;
}

[[noreturn]] void fail_close(Bytes payload) {
    std::string what = "the server closed a connection";
    if (payload.size() >= 2) {
        what += " with code " +
                std::to_string(std::to_integer<unsigned>(payload[0]) << 8 | std::to_integer<unsigned>(payload[1]));
        what += " \"" + std::string(cryo::as_text(payload.subspan(2))) + '"';
    }
    throw std::runtime_error(what);
}

}  // namespace

Workbench::Workbench(const LoadOptions& load_options, Listener& scenario, int epoll_fd)
    : options(load_options),
      listener(scenario),
      epoll(epoll_fd),
      address(make_address(options.host, options.port)),
      tls(options.tls ? make_tls_context() : nullptr),
      key_pair(make_key_pair(options.protocol)),
      message(options.bytes, options.depth),
      max_payload_bytes(options.bytes + kMaxOwnPayloadBytes + kSessionOverheadBytes),
      input(kMaxMovedBytes + kReadBytes) {}

void Connection::open() {
    phase_ = Phase::tls_handshake;
    session_.reset();
    if (bench_.options.protocol != Protocol::websocket) {
        session_.emplace(cryo::SessionId::random(), bench_.key_pair ? &*bench_.key_pair : nullptr);
    }
    socket_.connect(bench_.address, bench_.tls.get());
    control_epoll(EPOLL_CTL_ADD, EPOLLIN);
    // On loopback the connection may be there already.
    establish();
}

void Connection::reset() noexcept {
    socket_.reset();
    incomplete_.clear();
    unsent_.clear();
    sent_of_unsent_ = 0;
    awaits_room_ = false;
}

void Connection::control_epoll(int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = this;
    if (epoll_ctl(bench_.epoll, operation, socket_.fd(), &event) != 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
}

void Connection::await_room(bool wanted) {
    if (wanted == std::exchange(awaits_room_, wanted)) return;
    control_epoll(EPOLL_CTL_MOD, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void Connection::establish() {
    const auto handshake = socket_.handshake();
    await_room(handshake == Socket::Handshake::wants_write);
    if (handshake != Socket::Handshake::done) return;
    phase_ = Phase::upgrading;
    transmit(cryo::as_bytes(upgrade_request()));
}

std::string Connection::upgrade_request() {
    const auto& options = bench_.options;
    std::string request = "GET " + options.path;
    if (session_) request += "?authorization=Bearer%20" + options.token + "&x-cryo-sid=" + session_->id().to_string();
    request += " HTTP/1.1\r\nHost: " + options.host + ':' + std::to_string(options.port) +
               "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    return request;
}

void Connection::on_event(std::uint32_t events) {
    if (phase_ == Phase::tls_handshake) return establish();
    if ((events & EPOLLOUT) != 0) transmit_rest();
    if ((events & ~std::uint32_t{EPOLLOUT}) != 0) read();
}

void Connection::read() {
    const std::span<std::byte> input(bench_.input);
    const std::size_t moved = incomplete_.size() <= kMaxMovedBytes ? incomplete_.size() : 0;
    std::copy_n(incomplete_.begin(), moved, input.begin());
    const std::size_t got = socket_.read(input.subspan(moved));
    if (got == 0) return;
    ++bench_.progress;
    const auto now = Clock::now();
    if (moved == incomplete_.size()) {
        const auto rest = take(input.first(moved + got), now);
        incomplete_.assign(rest.begin(), rest.end());
    } else {
        incomplete_.insert(incomplete_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(got));
        const auto rest = static_cast<std::ptrdiff_t>(take(incomplete_, now).size());
        incomplete_.erase(incomplete_.begin(), incomplete_.end() - rest);
    }
}

/// Takes all that is complete; the rest.
std::span<std::byte> Connection::take(std::span<std::byte> data, Clock::time_point now) {
    if (phase_ == Phase::upgrading) data = take_response_head(data);
    if (phase_ == Phase::upgrading) return data;
    std::size_t messages = 0;
    while (const auto frame = front_frame(data, bench_.max_payload_bytes)) {
        messages += handle(*frame);
        data = data.subspan(frame->total_bytes);
    }
    if (messages > 0) append_messages(bench_.listener.on_messages(*this, messages, now));
    flush();
    return data;
}

std::span<std::byte> Connection::take_response_head(std::span<std::byte> data) {
    const auto text = cryo::as_text(data);
    const auto end = text.find("\r\n\r\n");
    if (end == text.npos) {
        if (data.size() > kMaxResponseHeadBytes) throw std::runtime_error("the server answers without end");
        return data;
    }
    if (!text.starts_with("HTTP/1.1 101 ")) {
        throw std::runtime_error("the server refused the upgrade: " + std::string(text.substr(0, text.find('\r'))));
    }
    if (bench_.key_pair) {
        phase_ = Phase::securing;
    } else {
        announce();
    }
    return data.subspan(end + 4);
}

void Connection::announce() {
    phase_ = Phase::open;
    ++bench_.opened;
    bench_.listener.on_open(*this);
}

/// How many messages of the application it is.
std::size_t Connection::handle(const ServerFrame& frame) {
    switch (frame.opcode) {
        case Opcode::text:
        case Opcode::binary:
            return handle_message(frame.payload);
        case Opcode::ping:
            append_frame(bench_.output, Opcode::pong, frame.payload);
            return 0;
        case Opcode::pong:
            return 0;
        case Opcode::close:
            fail_close(frame.payload);
        case Opcode::continuation:
            break;
    }
    throw std::runtime_error("the server sent a frame of unknown type");
}

std::size_t Connection::handle_message(std::span<std::byte> message) {
    Bytes payload = message;
    if (session_) {
        const auto received = session_->receive(message, bench_.output);
        if (received.event == CryoSession::Event::secured) announce();
        if (received.event != CryoSession::Event::data) return 0;
        payload = received.payload;
    }
    if (!bench_.message.matches(payload)) throw std::runtime_error("the server sent something other than the message");
    return 1;
}

void Connection::send_messages(std::size_t count) {
    append_messages(count);
    flush();
}

void Connection::append_messages(std::size_t count) {
    if (count == 0) return;
    if (session_) {
        for (std::size_t i = 0; i < count; ++i) session_->append_data(bench_.output, bench_.message.payload());
    } else if (bench_.output.empty()) {
        transmit(bench_.message.frames(count));
    } else {
        bench_.output.append(bench_.message.frames(count));
    }
}

void Connection::flush() {
    if (bench_.output.empty()) return;
    transmit(bench_.output.contents());
    bench_.output.clear();
}

void Connection::transmit(Bytes data) {
    if (unsent_.empty()) data = data.subspan(socket_.write(data));
    if (data.empty()) return;
    unsent_.insert(unsent_.end(), data.begin(), data.end());
    await_room(true);
}

void Connection::transmit_rest() {
    sent_of_unsent_ += socket_.write(Bytes(unsent_).subspan(sent_of_unsent_));
    if (sent_of_unsent_ == unsent_.size()) await_room(false);
    // Moving the rest each time would be quadratic.
    if (sent_of_unsent_ < unsent_.size() / 2) return;
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent_of_unsent_));
    sent_of_unsent_ = 0;
}

}  // namespace load
