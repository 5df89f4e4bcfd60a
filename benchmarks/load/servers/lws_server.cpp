// libwebsockets in its WebSocket role, with the poll() loop it has by default; written as its minimal examples are: a
// ring of messages a session, and one message for each LWS_CALLBACK_SERVER_WRITEABLE.
#include <csignal>
#include <set>
#include <string_view>
#include <utility>

#include <libwebsockets.h>

#include "arguments.h"

namespace {

constexpr std::size_t kReadBytes = 1024;
constexpr std::size_t kSendBytes = 1 << 20;  // by default as much as is read: less than 16 KiB and a header
constexpr std::size_t kRingMessages = 128;
constexpr std::size_t kPauseBelow = 3, kResumeAbove = 5;  // free places in the ring
constexpr std::size_t kMaxMessageBytes = 16 << 20;

struct Message {
    int receivers = 0;
    bool is_text = false;
    std::string bytes = std::string(LWS_PRE, '\0');  // the header goes in front
};

void release(void* element) {
    auto* message = *static_cast<Message**>(element);
    if (--message->receivers == 0) delete message;
}

/// Allocated by libwebsockets, all zero.
struct Session {
    lws* socket;
    lws_ring* ring;  // of Message*
    Message* incoming;
    bool broadcasts, paused;
};

std::set<Session*> receivers;  // of broadcasts

void send(Session& session, Message* message) {
    if (lws_ring_insert(session.ring, &message, 1) != 1) {
        lws_set_timeout(session.socket, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);  // too far behind
        return;
    }
    ++message->receivers;
    lws_callback_on_writable(session.socket);
}

void dispatch(Session& session, Message* message) {
    ++message->receivers;
    if (session.broadcasts) {
        for (auto* receiver : receivers) send(*receiver, message);
    } else {
        send(session, message);
    }
    release(&message);
}

int received(Session& session, const void* data, std::size_t size) {
    if (!session.incoming) session.incoming = new Message;
    auto& bytes = session.incoming->bytes;
    if (bytes.size() + size > kMaxMessageBytes) return -1;
    bytes.append(static_cast<const char*>(data), size);
    if (!lws_is_final_fragment(session.socket)) return 0;
    session.incoming->is_text = lws_frame_is_binary(session.socket) == 0;
    dispatch(session, std::exchange(session.incoming, nullptr));
    if (!session.paused && lws_ring_get_count_free_elements(session.ring) < kPauseBelow) {
        session.paused = true;
        lws_rx_flow_control(session.socket, 0);
    }
    return 0;
}

int write_one(Session& session) {
    const auto* element = static_cast<Message* const*>(lws_ring_get_element(session.ring, nullptr));
    if (!element) return 0;
    auto& [count, is_text, bytes] = **element;
    const auto size = bytes.size() - LWS_PRE;
    auto* const payload = reinterpret_cast<unsigned char*>(bytes.data()) + LWS_PRE;
    if (lws_write(session.socket, payload, size, is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY) <
        static_cast<int>(size)) {
        return -1;
    }
    lws_ring_consume(session.ring, nullptr, nullptr, 1);
    if (lws_ring_get_element(session.ring, nullptr)) lws_callback_on_writable(session.socket);
    if (session.paused && lws_ring_get_count_free_elements(session.ring) > kResumeAbove) {
        session.paused = false;
        lws_rx_flow_control(session.socket, 1);
    }
    return 0;
}

int established(lws* socket, Session& session) {
    session.socket = socket;
    session.ring = lws_ring_create(sizeof(Message*), kRingMessages, release);
    if (!session.ring) return -1;
    char path[64];
    session.broadcasts =
        lws_hdr_copy(socket, path, sizeof path, WSI_TOKEN_GET_URI) > 0 && std::string_view(path) == "/broadcast";
    if (session.broadcasts) receivers.insert(&session);
    return 0;
}

void closed(Session& session) {
    receivers.erase(&session);
    delete session.incoming;
    if (session.ring) lws_ring_destroy(session.ring);
}

int on_event(lws* socket, lws_callback_reasons reason, void* user, void* data, std::size_t size) {
    auto* session = static_cast<Session*>(user);
    switch (reason) {
        case LWS_CALLBACK_ESTABLISHED:
            return established(socket, *session);
        case LWS_CALLBACK_RECEIVE:
            return received(*session, data, size);
        case LWS_CALLBACK_SERVER_WRITEABLE:
            return write_one(*session);
        case LWS_CALLBACK_CLOSED:
            closed(*session);
            return 0;
        default:
            return lws_callback_http_dummy(socket, reason, user, data, size);
    }
}

volatile std::sig_atomic_t stopped = 0;

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(argc, argv, false);
    if (!arguments) return 2;
    for (const int signal : {SIGTERM, SIGINT}) std::signal(signal, [](int) { stopped = 1; });
    lws_set_log_level(LLL_ERR | LLL_WARN, nullptr);

    const lws_protocols protocols[] = {{"echo", on_event, sizeof(Session), kReadBytes, 0, nullptr, kSendBytes}, {}};
    lws_context_creation_info info{};
    info.iface = "127.0.0.1";
    info.port = arguments->port;
    info.protocols = protocols;
    info.pt_serv_buf_size = 32 << 10;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    auto* context = lws_create_context(&info);
    auto* vhost = context ? lws_create_vhost(context, &info) : nullptr;
    if (!vhost) return 1;
    announce(lws_get_vhost_listen_port(vhost));
    while (!stopped && lws_service(context, 0) >= 0) {
    }
    lws_context_destroy(context);
}
