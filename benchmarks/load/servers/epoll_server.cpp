// The limit that the others are measured against: what a server costs that does nothing but echo, by hand on epoll.
// One thread; 32 bytes a connection; frames are unmasked where they were received, and what one recv() brought is
// answered in one send(). A fragmented message goes back in the same fragments; on /broadcast it is refused.
#include <cerrno>
#include <chrono>
#include <csignal>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"
#include "epoll_frame.h"
#include "epoll_tls.h"

namespace {

constexpr std::size_t kBufferBytes = 128 << 10;
constexpr std::size_t kMaxRequestBytes = 8 << 10;
constexpr std::size_t kMaxUnsentBytes = 32 << 20;

struct Connection {
    enum class State : std::uint8_t { free, opening, echo, broadcast, closing };

    SSL* ssl = nullptr;
    std::unique_ptr<std::string> incomplete;  // a request or frame whose rest has not arrived
    std::unique_ptr<std::string> unsent;      // nothing is read meanwhile
    std::uint32_t place = 0;                  // among the receivers of broadcasts
    State state = State::free;
};
using State = Connection::State;

class Server {
public:
    Server(int listener, int signals, Tls* tls, std::chrono::microseconds spin)
        : listener_(listener),
          signals_(signals),
          tls_(tls),
          spin_(spin),
          received_(kBufferBytes),
          opened_(tls ? kBufferBytes : 0) {}

    void run();

private:
    void accept_all();
    void readable(int fd, bool at_end);
    void writable(int fd, bool at_end);
    void decrypt(int fd, std::string_view received);
    void consume(int fd, char* data, std::size_t size);
    std::size_t handshake(int fd, std::string_view request);
    std::size_t answer_frames(int fd, char* data, std::size_t size);
    void answer_control(int fd, const frames::Header& header, char* payload);
    void reply(int fd, std::string_view bytes);
    void send_plain(int fd, std::string_view bytes);
    void send_bytes(int fd, std::string_view bytes);
    void flush_tls(int fd);
    void leave_broadcast(int fd);
    void close_connection(int fd);
    Connection& at(int fd) { return connections_[static_cast<std::size_t>(fd)]; }

    const int listener_, signals_, epoll_ = epoll_create1(EPOLL_CLOEXEC);
    Tls* const tls_;
    const std::chrono::microseconds spin_;  // looks for events for so long before it sleeps
    std::vector<char> received_, opened_;   // shared by all: nothing stays in them
    std::vector<Connection> connections_;   // by file descriptor
    std::vector<int> receivers_;            // of broadcasts
};

void Server::run() {
    for (const int fd : {listener_, signals_}) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    std::vector<epoll_event> events(1024);
    using Clock = std::chrono::steady_clock;
    Clock::time_point spins_until{};
    for (;;) {
        const bool spins = spin_.count() != 0 && Clock::now() < spins_until;
        const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), spins ? 0 : -1);
        if (spin_.count() != 0 && count > 0) spins_until = Clock::now() + spin_;
        for (int i = 0; i < count; ++i) {
            const auto& event = events[static_cast<std::size_t>(i)];
            const int fd = event.data.fd;
            const bool at_end = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            if (fd == signals_) return;
            if (fd == listener_) {
                accept_all();
            } else if (at(fd).unsent) {
                writable(fd, at_end);
            } else if (at(fd).state != State::free && (event.events & ~std::uint32_t{EPOLLOUT}) != 0) {
                readable(fd, at_end);
            }
        }
    }
}

void Server::accept_all() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (connections_.size() <= static_cast<std::size_t>(fd)) connections_.resize(static_cast<std::size_t>(fd) + 1);
        at(fd).state = State::opening;
        if (tls_) at(fd).ssl = tls_->accept();
        epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
}

// Edge-triggered: a short read has emptied the socket, but the end of the stream behind it would not be told again.
void Server::readable(int fd, bool at_end) {
    for (bool more = true; more;) {
        const auto count = recv(fd, received_.data(), received_.size(), 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) return close_connection(fd);
        const auto size = static_cast<std::size_t>(count);
        if (tls_) {
            decrypt(fd, {received_.data(), size});
        } else {
            consume(fd, received_.data(), size);
        }
        more = (at_end || size == received_.size()) && at(fd).state != State::free && !at(fd).unsent;
    }
}

void Server::writable(int fd, bool at_end) {
    const auto unsent = std::move(at(fd).unsent);
    send_bytes(fd, *unsent);
    if (at(fd).unsent || at(fd).state == State::free) return;
    if (at(fd).state == State::closing) return close_connection(fd);
    readable(fd, at_end);
}

void Server::decrypt(int fd, std::string_view received) {
    tls_->feed(received);
    int count = 1;
    while (count > 0 && at(fd).state != State::free) {
        std::size_t size = 0;
        do {
            count = tls_->open(at(fd).ssl, opened_.data() + size, static_cast<int>(opened_.size() - size));
            if (count > 0) size += static_cast<std::size_t>(count);
        } while (count > 0 && size < opened_.size());
        flush_tls(fd);
        if (size > 0 && at(fd).state != State::free) consume(fd, opened_.data(), size);
    }
    if (count < 0 && at(fd).state != State::free) close_connection(fd);
}

void Server::consume(int fd, char* data, std::size_t size) {
    auto& connection = at(fd);
    const auto kept = std::move(connection.incomplete);
    if (kept) {
        kept->append(data, size);
        data = kept->data();
        size = kept->size();
    }
    std::size_t used = 0;
    if (connection.state == State::opening) used = handshake(fd, {data, size});
    if (connection.state == State::echo || connection.state == State::broadcast) {
        used += answer_frames(fd, data + used, size - used);
    }
    if (used == size || connection.state == State::free || connection.state == State::closing) return;
    connection.incomplete = std::make_unique<std::string>(data + used, size - used);
}

std::size_t Server::handshake(int fd, std::string_view request) {
    const auto end = request.find("\r\n\r\n");
    if (end == request.npos) {
        if (request.size() > kMaxRequestBytes) close_connection(fd);
        return 0;
    }
    const auto response = frames::accept_upgrade(request);
    if (response.empty()) {
        close_connection(fd);
        return 0;
    }
    auto& connection = at(fd);
    connection.state = State::echo;
    if (request.substr(0, 14) == "GET /broadcast") {
        connection.state = State::broadcast;
        connection.place = static_cast<std::uint32_t>(receivers_.size());
        receivers_.push_back(fd);
    }
    send_plain(fd, response);
    return end + 4;
}

/// @returns how many bytes were frames; what is left is the begin of one
std::size_t Server::answer_frames(int fd, char* data, std::size_t size) {
    const auto& connection = at(fd);
    std::size_t used = 0;
    // The replies to come, in the place of the requests: a reply is shorter, it has no mask. The first payload stays
    // where it is, those behind it close up.
    char *begin = data, *end = data;
    const auto flush = [&] {
        if (begin != end) reply(fd, {begin, static_cast<std::size_t>(end - begin)});
        begin = end = data;
    };

    frames::Header header;
    auto parsed = frames::Parsed::incomplete;
    while ((parsed = frames::parse(data + used, size - used, header)) == frames::Parsed::whole) {
        char* const frame = data + used;
        used += header.size + header.payload;
        if (header.is_control()) {
            flush();
            answer_control(fd, header, frame + header.size);
            if (connection.state == State::free || connection.state == State::closing) return size;
            continue;
        }
        if (connection.state == State::broadcast && (header.first_byte & frames::kFin) == 0) {
            parsed = frames::Parsed::refused;
            break;
        }
        if (begin == end) begin = end = frame + frames::kMaskBytes;
        end = frames::write_header(end, header.first_byte, header.payload);
        frames::unmask(end, frame + header.size, header.payload, header.mask);
        end += header.payload;
    }
    flush();
    if (parsed == frames::Parsed::refused && connection.state != State::free) close_connection(fd);
    return used;
}

void Server::answer_control(int fd, const frames::Header& header, char* payload) {
    const auto opcode = header.first_byte & frames::kOpcode;
    if (opcode == frames::kPong) return;
    frames::unmask(payload, payload, header.payload, header.mask);
    const auto first_byte = opcode == frames::kPing ? frames::kFin | frames::kPong : header.first_byte;
    char* const begin = payload - 2;
    frames::write_header(begin, static_cast<std::uint8_t>(first_byte), header.payload);
    send_plain(fd, {begin, 2 + header.payload});
    if (opcode != frames::kClose || at(fd).state == State::free) return;
    if (!at(fd).unsent) return close_connection(fd);
    leave_broadcast(fd);
    at(fd).state = State::closing;
}

void Server::reply(int fd, std::string_view bytes) {
    if (at(fd).state != State::broadcast) return send_plain(fd, bytes);
    // From the end: one that is closed on the way is replaced by the last.
    for (std::size_t i = receivers_.size(); i-- > 0;) send_plain(receivers_[i], bytes);
}

void Server::send_plain(int fd, std::string_view bytes) {
    if (!tls_) return send_bytes(fd, bytes);
    tls_->seal(at(fd).ssl, bytes);
    flush_tls(fd);
}

void Server::flush_tls(int fd) {
    auto& bytes = tls_->to_send();
    if (!bytes.empty()) send_bytes(fd, bytes);
    bytes.clear();
}

void Server::send_bytes(int fd, std::string_view bytes) {
    auto& unsent = at(fd).unsent;
    if (unsent) {
        if (unsent->size() + bytes.size() > kMaxUnsentBytes) return close_connection(fd);
        unsent->append(bytes);
        return;
    }
    const auto sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return close_connection(fd);
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (!bytes.empty()) unsent = std::make_unique<std::string>(bytes);
}

void Server::leave_broadcast(int fd) {
    auto& connection = at(fd);
    if (connection.state != State::broadcast) return;
    receivers_[connection.place] = receivers_.back();
    at(receivers_.back()).place = connection.place;
    receivers_.pop_back();
}

void Server::close_connection(int fd) {
    leave_broadcast(fd);
    SSL_free(at(fd).ssl);
    at(fd) = {};
    close(fd);
}

/// @returns -1: cannot listen
int listen_on(std::uint16_t& port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // connections inherit it
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (bind(fd, generic, size) != 0 || listen(fd, SOMAXCONN) != 0) return -1;
    getsockname(fd, generic, &size);
    port = ntohs(address.sin_port);
    return fd;
}

int stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

}  // namespace

int main(int argc, char** argv) {
    auto arguments = parse_arguments(argc, argv, true);
    if (!arguments) return 2;
    std::unique_ptr<Tls> tls;
    if (!arguments->certificate.empty()) {
        tls = Tls::create(arguments->certificate, arguments->key);
        if (!tls) {
            std::cerr << "cannot use the certificate or its key\n";
            return 1;
        }
    }
    const int signals = stop_signals();
    const int listener = listen_on(arguments->port);
    if (listener < 0) {
        std::cerr << "cannot listen on port " << arguments->port << '\n';
        return 1;
    }
    announce(arguments->port);
    Server(listener, signals, tls.get(), std::chrono::microseconds(arguments->spin_us)).run();
}
