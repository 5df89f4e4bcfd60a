// The session's state machine against sequences of frames and events, with CALE if the first byte is odd.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <vector>

#include "session/session_core.h"
#include "support/cryo_client_model.h"

using namespace cryo;
using Client = test::CryoClientModel;
using Buffer = Client::Buffer;

namespace {

constexpr SessionId kId{{std::byte{1}, std::byte{2}, std::byte{3}}};

void require(bool fine) {
    if (!fine) std::abort();
}

class CheckingLink final : public session::Link {
public:
    explicit CheckingLink(bool use_cale) : use_cale_(use_cale) {}

    const session::SessionCore* core = nullptr;
    std::vector<Buffer> sent{};

    void send_websocket_ping() override { require(!opened_); }
    void send_control(Bytes message) override {
        require(!closed_);
        if (core->secure()) {
            require(message.size() >= 49 && std::to_integer<int>(message[20]) > 7);
        } else {
            const auto type = Client::decode(message).type;
            const bool handshake = type == Client::server_hello || type == Client::handshake_done;
            require(type == Client::error || handshake == use_cale_);
        }
        sent.emplace_back(message.begin(), message.end());
    }
    void close(CloseCode, std::string_view) override { require(!std::exchange(closed_, true)); }
    void opened() override {
        require(!closed_ && !std::exchange(opened_, true));
        require(core->secure() == use_cale_);
    }
    void received(MessageKind, std::span<std::byte>) override { require(opened_ && !closed_); }
    void heartbeat(const session::HeartbeatStats&) override { require(opened_ && !closed_); }

    bool may_talk() const { return opened_ && !closed_; }

private:
    const bool use_cale_;
    bool opened_ = false, closed_ = false;
};

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const std::byte*>(data), size) {}

    bool empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto value = std::to_integer<std::uint8_t>(rest_.front());
        rest_ = rest_.subspan(1);
        return value;
    }
    Buffer bytes() {
        const auto size = std::min<std::size_t>(byte(), rest_.size());
        const Buffer taken(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(size));
        rest_ = rest_.subspan(size);
        return taken;
    }

private:
    Bytes rest_;
};

class Run {
public:
    explicit Run(bool use_cale) : link_(use_cale), core_(link_, kId, {std::chrono::milliseconds(2500), use_cale}) {
        link_.core = &core_;
        core_.open();
    }

    void step(Input& input) {
        apply(input);
        require(!core_.is_open() || link_.may_talk());
    }

private:
    void apply(Input& input) {
        switch (input.byte() % 13) {
            case 0:
                return core_.on_websocket_pong();
            case 1:
                return give(input.bytes());
            case 2:
                return give_frame(input);
            case 3:
                return core_.on_text();
            case 4:
                return core_.on_heartbeat(now_);
            case 5:
                return core_.on_cale_timeout();
            case 6:
                return core_.ping();
            case 7:
                return send(input.bytes());
            case 8:
                return show_client();
            case 9:
                now_ += std::chrono::milliseconds(input.byte() * 16);
                return;
            case 10:
                return give(last_);
            case 11:
                if (input.byte() == 0) core_.on_closing();
                return;
            case 12:
                return core_.on_heartbeat(now_, true);
        }
    }

    void give(Buffer message) {
        last_ = message;
        core_.on_binary(message, now_);
    }
    void give_frame(Input& input) {
        const std::uint8_t type = input.byte();
        const std::uint32_t ack_id = input.byte();
        give(client_.prepare({kId.bytes, ack_id, type, input.bytes()}));
    }
    void send(const Buffer& payload) {
        Buffer message(core_.encoded_size(payload.size()));
        const bool open = core_.is_open();
        const bool encoded = core_.encode_data(MessageKind::binary, payload, message, now_);
        require(encoded || !open);
        if (encoded) link_.sent.push_back(message);
    }
    /// The client gets the next message, and its answers go back at once.
    void show_client() {
        if (shown_ == link_.sent.size()) return;
        try {
            client_.on_message(Buffer(link_.sent[shown_++]));
        } catch (const std::runtime_error&) {  // it was confused by what this input said in its name
        }
    }

    CheckingLink link_;
    session::SessionCore core_;
    session::TimePoint now_{std::chrono::hours(1)};
    Client client_{kId.bytes, [this](Buffer message) { give(std::move(message)); }};
    std::size_t shown_ = 0;
    Buffer last_{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 4096) return 0;
    Input input(data + 1, size - 1);
    Run run(data[0] % 2 == 1);
    while (!input.empty()) run.step(input);
    return 0;
}
