#include "connection/http_connection.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "http/chars.h"
#include "http/response_writer.h"

namespace cryo::connection {

namespace {

/// What may wait behind a request that is being answered; more stays in the kernel.
constexpr std::size_t kMaxHeldBytes = 64 * 1024;

/// What a peer has to take of an answer in each `handshake_timeout`.
constexpr std::size_t kWorthWaitingFor = 64 * 1024;

}  // namespace

/// What an `HttpReply` holds: a way back to one request of one connection, from any thread.
class HttpConnection::ReplyTarget final : public IHttpReplyTarget {
public:
    explicit ReplyTarget(HttpConnection& connection)
        : context_(connection.context_),
          connection_(connection.weak_from_this()),
          request_number_(connection.request_number_) {}

    void deliver(HttpResponse response) noexcept override {
        run([response = std::move(response)](HttpConnection& connection) { connection.respond(response); });
    }

    bool abandoned() const noexcept override { return connection_.expired(); }

    void run(UniqueFunction<void(HttpConnection&)> action) noexcept {
        if (context_->loop->in_loop_thread()) return act(connection_, request_number_, action);
        context_->loop->post([weak = connection_, number = request_number_, action = std::move(action)]() mutable {
            act(weak, number, action);
        });
    }

private:
    // Only here, on the loop, is the connection locked: it must not die on another thread.
    static void act(const std::weak_ptr<HttpConnection>& weak, std::uint64_t number,
                    UniqueFunction<void(HttpConnection&)>& action) {
        const auto connection = weak.lock();
        if (!connection || connection->phase_ != Phase::waiting || connection->request_number_ != number) return;
        action(*connection);
    }

    std::shared_ptr<LoopContext> context_;
    std::weak_ptr<HttpConnection> connection_;
    std::uint64_t request_number_;
};

HttpConnection::HttpConnection(std::shared_ptr<LoopContext> context, transport::Socket& socket,
                               HttpDispatcher& dispatcher)
    : context_(std::move(context)), socket_(&socket), dispatcher_(dispatcher), parser_(context_->options->http) {
    start_timer(context_->options->handshake_timeout);
}

// -- requests --------------------------------------------------------------------------------------------------------

void HttpConnection::on_bytes(std::span<std::byte> data) noexcept {
    if (phase_ == Phase::closing) return;
    if (phase_ == Phase::waiting || !output_.empty()) return hold(data);
    process(data);
}

void HttpConnection::hold(std::span<std::byte> data) {
    held_.insert(held_.end(), data.begin(), data.end());
    if (held_.size() >= kMaxHeldBytes) socket_->set_reading(false);
}

void HttpConnection::process(std::span<std::byte> data) {
    processing_ = true;
    const bool was_started = parser_.started();
    while (phase_ == Phase::reading && output_.empty()) {
        std::size_t consumed = 0;
        const auto state = parser_.consume(data, consumed);
        data = data.subspan(consumed);
        if (state == http::RequestParser::State::failed) {
            take_failure();
        } else if (state == http::RequestParser::State::complete) {
            phase_ = Phase::waiting;
            set_busy(true);
            ++request_number_;
            answer_within(context_->options->reply_timeout, 504, "no answer in time\n");
            dispatcher_.dispatch(*this, parser_.request());
            if (phase_ == Phase::reading) parser_.reset();
        } else {
            // The first request has its time from the accept on; a later one from its first byte.
            const bool begins = request_number_ > 0 && !was_started && parser_.started();
            if (begins) start_timer(context_->options->handshake_timeout);
            if (parser_.wants_continue()) {
                const std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
                const std::array pieces{as_bytes(text)};
                socket_->write(pieces);
            }
            break;
        }
    }
    processing_ = false;
    if (phase_ == Phase::upgraded) return hand_over(data);
    if (phase_ != Phase::closing && !data.empty()) hold(data);
}

void HttpConnection::take_failure() {
    Counters::add(context_->counters.bad_requests);
    const auto& failure = parser_.failure();
    phase_ = Phase::waiting;
    refuse(failure.status, std::string(failure.text) + "\n");
}

/// The answer is out: on to the next request.
void HttpConnection::resume() {
    if (processing_ || phase_ != Phase::reading || !output_.empty()) return;
    if (held_.size() >= kMaxHeldBytes) socket_->set_reading(true);
    auto held = std::exchange(held_, {});
    process(held);
}

// -- answers ---------------------------------------------------------------------------------------------------------

void HttpConnection::respond(const HttpResponse& response, After after) {
    if (phase_ != Phase::waiting) return;
    const auto& request = parser_.request();
    const bool keep_alive = request.keep_alive && after == After::keep_alive;
    auto serialized =
        http::serialize(response, {.head_request = request.method == "HEAD", .keep_alive = keep_alive, .date = date()});
    if (!serialized.error.empty()) context_->log(LogLevel::error, "http", serialized.error);
    send(std::move(serialized.bytes), keep_alive);
}

void HttpConnection::refuse(int status, std::string_view text) {
    refuse(HttpResponse::text(status, std::string(text)));
}

void HttpConnection::refuse(HttpResponse response) {
    const auto add = [&](std::string_view name, std::string_view value) {
        const auto is_it = [&](const HttpHeader& header) { return http::equals_ignoring_case(header.name, name); };
        if (std::ranges::none_of(response.headers, is_it)) {
            response.headers.push_back({std::string(name), std::string(value)});
        }
    };
    if (response.status == 401) add("WWW-Authenticate", "Bearer");
    if (response.status == 426) add("Sec-WebSocket-Version", "13");
    respond(response, After::close);
}

void HttpConnection::send(std::string bytes, bool keep_alive) {
    if (reserved_address_) {
        context_->limiter->release(*reserved_address_);
        reserved_address_.reset();
    }
    output_ = std::move(bytes);
    output_sent_ = 0;
    close_after_flush_ = !keep_alive;
    phase_ = keep_alive ? Phase::reading : Phase::closing;
    if (!processing_) parser_.reset();  // else its dispatcher may still read the request
    start_timer(context_->options->handshake_timeout);
    socket_->request_flush();
}

void HttpConnection::on_flush() noexcept {
    if (!output_.empty()) {
        const std::array pieces{as_bytes(output_).subspan(output_sent_)};
        const std::size_t taken = socket_->write(pieces);
        output_sent_ += taken;
        taken_since_timer_ += taken;
        if (taken_since_timer_ >= kWorthWaitingFor) {  // a slow reader is still one, a dripping one is not
            taken_since_timer_ = 0;
            start_timer(context_->options->handshake_timeout);
        }
        if (output_sent_ < output_.size()) return;
        set_busy(false);
        output_.clear();
        output_.shrink_to_fit();
    }
    if (close_after_flush_) {
        close_after_flush_ = false;
        start_timer(context_->options->close_timeout);
        return socket_->shutdown();
    }
    resume();
}

HttpReply HttpConnection::make_reply() { return HttpReply(std::make_shared<ReplyTarget>(*this)); }

UniqueFunction<void(UniqueFunction<void(HttpConnection&)>)> HttpConnection::deferred_action() {
    return [target = std::make_shared<ReplyTarget>(*this)](UniqueFunction<void(HttpConnection&)> action) {
        target->run(std::move(action));
    };
}

void HttpConnection::answer_within(std::chrono::milliseconds time, int status, std::string_view text) {
    timeout_status_ = status;
    timeout_text_ = text;
    start_timer(time);
}

void HttpConnection::start_timer(std::chrono::milliseconds time) { context_->loop->timers().start(timer_, time); }

void HttpConnection::on_timer() noexcept {
    const auto keep = shared_from_this();
    if (phase_ == Phase::waiting) {
        if (reserved_address_) Counters::add(context_->counters.refused_upgrades);
        return refuse(timeout_status_, timeout_text_);
    }
    if (phase_ == Phase::reading && parser_.started() && output_.empty()) {
        Counters::add(context_->counters.bad_requests);
        phase_ = Phase::waiting;
        return refuse(408, "the request took too long\n");
    }
    socket_->close();
}

void HttpConnection::set_busy(bool busy) noexcept {
    if (busy == std::exchange(busy_, busy)) return;
    context_->busy_exchanges += busy ? 1 : static_cast<std::size_t>(-1);
}

/// As RFC 9110 5.6.7 writes dates; made once a second at most.
std::string_view HttpConnection::date() {
    auto& cached = context_->http_date;
    const std::time_t now = std::time(nullptr);
    if (cached.second != now) {
        std::array<char, 40> text;
        std::tm parts{};
        gmtime_r(&now, &parts);
        const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        cached = {std::string(text.data(), size), now};
    }
    return cached.first;
}

// -- upgrade ---------------------------------------------------------------------------------------------------------

std::optional<ConnectionLimiter::Verdict> HttpConnection::reserve_session(const std::string& client_address) {
    const auto verdict = context_->limiter->admit(client_address);
    if (verdict != ConnectionLimiter::Verdict::admitted) return verdict;
    reserved_address_ = client_address;
    return std::nullopt;
}

void HttpConnection::upgrade(std::string_view response, WebSocketConnection::Setup setup) {
    if (phase_ != Phase::waiting) return;
    Counters::add(context_->counters.upgrades);
    setup.remote_address = std::move(*reserved_address_);
    reserved_address_.reset();
    successor_ = std::make_shared<WebSocketConnection>(context_, *socket_, std::move(setup));
    output_ = response;
    phase_ = Phase::upgraded;
    if (!processing_) {
        auto held = std::exchange(held_, {});
        hand_over(held);
    }
}

void HttpConnection::hand_over(std::span<std::byte> rest) {
    timer_.cancel();
    set_busy(false);
    const bool was_paused = rest.size() >= kMaxHeldBytes;
    const auto successor = std::move(successor_);
    transport::Socket& socket = *std::exchange(socket_, nullptr);
    socket.set_handler(successor);  // `this` lives on until the turn ends
    if (was_paused) socket.set_reading(true);
    successor->open(output_, rest);
}

void HttpConnection::on_closed() noexcept {
    timer_.cancel();
    set_busy(false);
    phase_ = Phase::closing;
    socket_ = nullptr;
    if (reserved_address_) context_->limiter->release(*reserved_address_);
    reserved_address_.reset();
}

}  // namespace cryo::connection
