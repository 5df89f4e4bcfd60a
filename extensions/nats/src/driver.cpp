#include "driver.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace cryo::nats {

namespace {

struct ConnectionError {
    natsStatus status = NATS_OK;
    std::string text{};
};

/// What the connection says of its last failure. libnats shows its own buffer, which its thread may fill anew
/// meanwhile: then this is some of both texts, but no more than the buffer.
ConnectionError error_of(natsConnection* connection) {
    const char* text = nullptr;
    const auto status = natsConnection_GetLastError(connection, &text);
    return {status, text ? text : ""};
}

}  // namespace

/// From the loop to the driver. Shared with callbacks of libnats, which wake the driver and may come after it.
struct Driver::Queue {
    std::mutex mutex{};
    std::condition_variable changed{};
    std::vector<Command> commands{};
    std::size_t waiting_bytes = 0;
    bool ending = false;
};

/// What libnats tells of one connection, on a thread of its own.
struct Driver::ConnectionWatch {
    void on_closed() {
        {
            const std::lock_guard lock(queue->mutex);
            closed = true;
        }
        queue->changed.notify_one();
    }
    void on_error(natsConnection* connection, natsStatus status) {
        const auto message = fmt::format("{}: {}", natsStatus_GetText(status), error_of(connection).text);
        if (!logger || message == last_message) return;  // once, not for each message
        last_message = message;
        try {
            logger->log(LogLevel::warning, "nats", message);
        } catch (...) {  // a logger that fails stops nobody
        }
    }

    std::shared_ptr<Queue> queue{};
    std::shared_ptr<ILogger> logger{};
    bool closed = false;  ///< Under the queue's mutex.
    std::string last_message{};
};

namespace {

constexpr std::chrono::milliseconds kStopPatience{1000};

/// A closure for a C callback: a shared pointer that the callback named by `release` takes back.
template <class T>
void* to_closure(const std::shared_ptr<T>& object) {
    return new std::shared_ptr<T>(object);
}
template <class T>
std::shared_ptr<T>& from_closure(void* closure) {
    return *static_cast<std::shared_ptr<T>*>(closure);
}
template <class T>
void release_closure(void* closure) {
    delete static_cast<std::shared_ptr<T>*>(closure);
}

/// What message callbacks need.
struct Receiver {
    std::shared_ptr<EventInbox> inbox;
    std::shared_ptr<Driver::Counters> counters;
};

void on_message(natsConnection*, natsSubscription*, natsMsg* raw, void* closure) {
    MessagePtr message(raw);
    auto& receiver = *from_closure<Receiver>(closure);
    const auto bytes = static_cast<std::size_t>(natsMsg_GetDataLength(raw)) + 1;
    if (!receiver.inbox->push(std::move(message), bytes)) receiver.counters->lost.add();
}

}  // namespace

std::string to_subject(std::string_view channel) {
    std::string subject(channel);
    std::replace(subject.begin(), subject.end(), ':', '.');
    return subject;
}

std::string to_channel(std::string_view subject) {
    std::string channel(subject);
    std::replace(channel.begin(), channel.end(), '.', ':');
    return channel;
}

Driver::Driver(Settings settings, OptionsPtr options, std::shared_ptr<EventInbox> inbox,
               std::shared_ptr<Counters> counters)
    : settings_(std::move(settings)),
      options_(std::move(options)),
      inbox_(std::move(inbox)),
      counters_(std::move(counters)),
      queue_(std::make_shared<Queue>()),
      retry_(settings_.retry_min),
      thread_([this] { run(); }) {}

Driver::~Driver() {
    {
        const std::lock_guard lock(queue_->mutex);
        queue_->ending = true;
    }
    queue_->changed.notify_all();
    thread_.join();
}

// -- from the loop ----------------------------------------------------------------------------------------------------

bool Driver::publish(std::string_view channel, Bytes payload) {
    return push(Publish{to_subject(channel), {payload.begin(), payload.end()}}, channel.size() + payload.size());
}

void Driver::subscribe(std::string_view channel, std::uint64_t number) {
    push(Subscribe{std::string(channel), number}, 0);
}

void Driver::unsubscribe(std::string_view channel) { push(Unsubscribe{std::string(channel)}, 0); }

void Driver::stop(UniqueFunction<void()> done) { push(Stop{std::move(done)}, 0); }

bool Driver::push(Command command, std::size_t bytes) {
    {
        const std::lock_guard lock(queue_->mutex);
        if (bytes > 0 && queue_->waiting_bytes + bytes > settings_.max_waiting_bytes) return false;
        queue_->waiting_bytes += bytes;
        queue_->commands.push_back(std::move(command));
    }
    queue_->changed.notify_one();
    return true;
}

// -- the thread -------------------------------------------------------------------------------------------------------

void Driver::run() {
    for (;;) {
        {
            const std::lock_guard lock(queue_->mutex);
            if (queue_->ending) break;
        }
        absorb(take(std::chrono::milliseconds(0)));
        if (done_) break;
        if (connect()) {
            serve();
            disconnect();
        }
        if (done_) break;
        pause();
    }
    if (done_) done_();
}

/// What waits; with nothing, after `patience` or when something changes.
std::vector<Driver::Command> Driver::take(std::chrono::milliseconds patience) {
    std::unique_lock lock(queue_->mutex);
    const auto news = [this] { return !queue_->commands.empty() || queue_->ending || (watch_ && watch_->closed); };
    if (patience.count() > 0) queue_->changed.wait_for(lock, patience, news);
    queue_->waiting_bytes = 0;
    return std::exchange(queue_->commands, {});
}

void Driver::absorb(std::vector<Command> commands) {
    for (auto& command : commands) {
        if (auto* subscribe = std::get_if<Subscribe>(&command)) {
            wanted_[subscribe->channel].number = subscribe->number;
            last_subscription_ = subscribe->number;
        } else if (auto* unsubscribe = std::get_if<Unsubscribe>(&command)) {
            wanted_.erase(unsubscribe->channel);
        } else if (auto* stop = std::get_if<Stop>(&command)) {
            done_ = std::move(stop->done);
        } else {
            counters_->lost.add();
        }
    }
}

bool Driver::connect() {
    watch_ = std::make_shared<ConnectionWatch>();
    watch_->queue = queue_;
    watch_->logger = settings_.logger;
    void* closure = to_closure(watch_);
    natsOptions_SetErrorHandler(
        options_.get(),
        [](natsConnection* connection, natsSubscription*, natsStatus status, void* own) {
            from_closure<ConnectionWatch>(own)->on_error(connection, status);
        },
        closure);
    natsOptions_SetClosedCB(  // the last of all callbacks
        options_.get(),
        [](natsConnection*, void* own) {
            from_closure<ConnectionWatch>(own)->on_closed();
            release_closure<ConnectionWatch>(own);
        },
        closure);
    natsConnection* made = nullptr;
    const auto status = natsConnection_Connect(&made, options_.get());
    if (status == NATS_OK) {
        connection_.reset(made);
        counters_->max_payload.set(static_cast<std::uint64_t>(natsConnection_GetMaxPayload(made)));
        return true;
    }
    release_closure<ConnectionWatch>(closure);  // never connected, it is not told of an end
    watch_.reset();
    if (!std::exchange(complained_, true)) {
        log(LogLevel::warning, fmt::format("cannot connect servers={}: {}", settings_.servers, last_error(status)));
    }
    return false;
}

void Driver::serve() {
    std::vector<Subscribe> batch;
    for (auto& [channel, wanted] : wanted_) {
        if (!subscribe_now(channel, wanted)) return;
        batch.push_back({channel, wanted.number});
    }
    if (!confirm(batch, 0)) return;
    char url[256] = "";
    natsConnection_GetConnectedUrl(connection_.get(), url, sizeof url);
    const std::string_view shown(url);
    const auto at = shown.rfind('@');
    inbox_->push(LinkUp{last_subscription_,
                        fmt::format("server={}", at == std::string_view::npos ? shown : shown.substr(at + 1))},
                 0);
    complained_ = false;
    retry_ = settings_.retry_min;
    while (!done_ && !closed() && execute(take(std::chrono::hours(1)))) {
    }
    if (done_) {
        flush(kStopPatience);
        return;
    }
    auto error = error_of(connection_.get());
    inbox_->push(LinkAway{error.text.empty() ? "connection lost" : std::move(error.text)}, 0);
}

/// False when the connection cannot go on.
bool Driver::execute(std::vector<Command> commands) {
    std::vector<Subscribe> batch;
    for (auto command = commands.begin(); command != commands.end(); ++command) {
        bool good = true;
        if (auto* publish = std::get_if<Publish>(&*command)) {
            good = send(*publish);
        } else if (auto* subscribe = std::get_if<Subscribe>(&*command)) {
            auto& wanted = wanted_[subscribe->channel];
            wanted.number = last_subscription_ = subscribe->number;
            good = subscribe_now(subscribe->channel, wanted);
            batch.push_back(std::move(*subscribe));
        } else if (auto* unsubscribe = std::get_if<Unsubscribe>(&*command)) {
            if (const auto found = wanted_.find(unsubscribe->channel); found != wanted_.end()) {
                if (found->second.subscription) natsSubscription_Unsubscribe(found->second.subscription.get());
                wanted_.erase(found);
            }
        } else {
            done_ = std::move(std::get<Stop>(*command).done);
        }
        if (good) continue;
        absorb({std::make_move_iterator(command + 1), std::make_move_iterator(commands.end())});
        return false;
    }
    return batch.empty() || confirm(batch, last_subscription_);
}

bool Driver::send(const Publish& publish) {
    const auto status = natsConnection_Publish(connection_.get(), publish.subject.c_str(), publish.payload.data(),
                                               static_cast<int>(publish.payload.size()));
    if (status != NATS_OK) counters_->lost.add();
    return status == NATS_OK || status == NATS_MAX_PAYLOAD;
}

bool Driver::subscribe_now(const std::string& channel, Wanted& wanted) {
    wanted.subscription.reset();  // never two of one channel
    const auto receiver = std::make_shared<Receiver>(Receiver{inbox_, counters_});
    void* closure = to_closure(receiver);
    natsSubscription* made = nullptr;
    const auto subject = to_subject(channel);
    if (natsConnection_Subscribe(&made, connection_.get(), subject.c_str(), on_message, closure) != NATS_OK) {
        release_closure<Receiver>(closure);
        return false;
    }
    // Called when it is closed and no message is being handed over any more.
    natsSubscription_SetOnCompleteCB(
        made, [](void* own) { release_closure<Receiver>(own); }, closure);
    wanted.subscription.reset(made);
    return true;
}

/// Tells the loop of these, once the server has answered for them. @param last 0: the loop is told by `LinkUp`
bool Driver::confirm(const std::vector<Subscribe>& batch, std::uint64_t last) {
    if (batch.empty()) return true;
    if (!flush(settings_.timeout)) return false;
    if (error_of(connection_.get()).status == NATS_NOT_PERMITTED) {
        // The library keeps but the last refusal: try them one by one.
        for (const auto& subscribe : batch) {
            const auto found = wanted_.find(subscribe.channel);
            if (found == wanted_.end() || found->second.number != subscribe.number) continue;
            if (!subscribe_now(subscribe.channel, found->second) || !flush(settings_.timeout)) return false;
            std::string reason;
            if (!refused(subscribe.channel, reason)) continue;
            wanted_.erase(found);
            inbox_->push(Refused{subscribe.channel, subscribe.number, std::move(reason)}, 0);
        }
    }
    if (last != 0) inbox_->push(Subscribed{last}, 0);
    return true;
}

bool Driver::refused(const std::string& channel, std::string& reason) const {
    auto error = error_of(connection_.get());
    if (error.status != NATS_NOT_PERMITTED) return false;
    reason = std::move(error.text);
    return reason.find("ubscription to \"" + to_subject(channel) + '"') != std::string::npos;
}

bool Driver::flush(std::chrono::milliseconds patience) {
    return natsConnection_FlushTimeout(connection_.get(), patience.count()) == NATS_OK;
}

void Driver::disconnect() {
    for (auto& [channel, wanted] : wanted_) wanted.subscription.reset();
    natsConnection_Close(connection_.get());
    connection_.reset();
    watch_.reset();
}

/// Until the next attempt to connect; commands are heard meanwhile.
void Driver::pause() {
    std::random_device random;
    std::uniform_int_distribution<std::chrono::milliseconds::rep> upper_half(retry_.count() / 2, retry_.count());
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(upper_half(random));
    retry_ = std::min(retry_ * 2, settings_.retry_max);
    while (!done_) {
        {
            const std::lock_guard lock(queue_->mutex);
            if (queue_->ending) return;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0) return;
        absorb(take(left));
    }
}

bool Driver::closed() const {
    const std::lock_guard lock(queue_->mutex);
    return watch_->closed || queue_->ending;
}

void Driver::log(LogLevel level, std::string_view message) const noexcept {
    if (!settings_.logger) return;
    try {
        settings_.logger->log(level, "nats", message);
    } catch (...) {  // a logger that fails stops nobody
    }
}

}  // namespace cryo::nats
