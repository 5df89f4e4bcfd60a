// Boost.Beast, asynchronous, one thread; written as its examples are.
#include <deque>
#include <memory>
#include <set>

#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "arguments.h"

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
namespace websocket = beast::websocket;
using net::ip::tcp;

class Receiver;
using Receivers = std::set<std::shared_ptr<Receiver>>;
using Socket = websocket::stream<beast::tcp_stream, false>;  // without permessage-deflate

/// Sends back each message before it reads the next.
class Echo : public std::enable_shared_from_this<Echo> {
public:
    explicit Echo(Socket&& socket) : socket_(std::move(socket)) {}

    void read() {
        socket_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error) self->write();
        });
    }

private:
    void write() {
        socket_.text(socket_.got_text());
        socket_.async_write(buffer_.data(), [self = shared_from_this()](beast::error_code error, std::size_t bytes) {
            if (error) return;
            self->buffer_.consume(bytes);
            self->read();
        });
    }

    Socket socket_;
    beast::flat_buffer buffer_;
};

struct Message {
    std::string payload;
    bool is_text;
};

/// Sends each message to all receivers; each has a queue, for there can be only one write at a time.
class Receiver : public std::enable_shared_from_this<Receiver> {
public:
    Receiver(Socket&& socket, Receivers& receivers) : socket_(std::move(socket)), receivers_(receivers) {}

    void start() {
        receivers_.insert(shared_from_this());
        read();
    }

private:
    void read() {
        socket_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (error) {
                self->receivers_.erase(self);
                return;
            }
            const auto message = std::make_shared<const Message>(
                Message{beast::buffers_to_string(self->buffer_.data()), self->socket_.got_text()});
            self->buffer_.clear();
            for (const auto& receiver : self->receivers_) receiver->send(message);
            self->read();
        });
    }

    void send(const std::shared_ptr<const Message>& message) {
        queue_.push_back(message);
        if (queue_.size() == 1) write();
    }

    void write() {
        socket_.text(queue_.front()->is_text);
        socket_.async_write(net::buffer(queue_.front()->payload),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                                if (error) return;
                                self->queue_.pop_front();
                                if (!self->queue_.empty()) self->write();
                            });
    }

    Socket socket_;
    Receivers& receivers_;
    beast::flat_buffer buffer_;
    std::deque<std::shared_ptr<const Message>> queue_;
};

/// Reads the request, whose path tells what the connection is for.
class Opening : public std::enable_shared_from_this<Opening> {
public:
    Opening(tcp::socket&& socket, Receivers& receivers) : socket_(std::move(socket)), receivers_(receivers) {
        socket_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
        socket_.auto_fragment(false);
    }

    void run() {
        http::async_read(socket_.next_layer(), buffer_, request_,
                         [self = shared_from_this()](beast::error_code error, std::size_t) {
                             if (!error) self->accept();
                         });
    }

private:
    void accept() {
        socket_.async_accept(request_, [self = shared_from_this()](beast::error_code error) {
            if (error) return;
            if (self->request_.target() == "/broadcast") {
                std::make_shared<Receiver>(std::move(self->socket_), self->receivers_)->start();
            } else {
                std::make_shared<Echo>(std::move(self->socket_))->read();
            }
        });
    }

    Socket socket_;
    Receivers& receivers_;
    beast::flat_buffer buffer_;
    http::request<http::empty_body> request_;
};

void accept_next(tcp::acceptor& acceptor, Receivers& receivers) {
    acceptor.async_accept([&](beast::error_code error, tcp::socket socket) {
        if (!error) {
            socket.set_option(tcp::no_delay(true), error);
            std::make_shared<Opening>(std::move(socket), receivers)->run();
        }
        accept_next(acceptor, receivers);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(argc, argv, false);
    if (!arguments) return 2;
    net::io_context io(1);
    Receivers receivers;
    tcp::acceptor acceptor(io, {net::ip::address_v4::loopback(), arguments->port});
    net::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](beast::error_code, int) { io.stop(); });
    announce(acceptor.local_endpoint().port());
    accept_next(acceptor, receivers);
    io.run();
}
