#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cryo/cluster/counter.h>
#include <cryo/cluster/local_pub_sub.h>
#include <cryo/cluster/loop_inbox.h>

namespace cryo::cluster {
namespace {

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// One message, shared by everybody it is on the way to.
struct Publication {
    std::string channel;
    std::vector<std::byte> payload;
};
using PublicationPtr = std::shared_ptr<const Publication>;

/// The part of a connection that other threads reach.
struct Line {
    LoopPtr loop{};
    std::shared_ptr<LoopInbox<PublicationPtr>> inbox{};
    UniqueFunction<void()> refresh{};  ///< Looks at what is available again. The loop's thread.
    bool has_owner = false;            ///< The loop's thread.
    std::atomic<bool> available{true}, silent{false};
    std::atomic<Link> link{Link::away};
    Counter published, refused, received, lost, connects, channels;
};
using LinePtr = std::shared_ptr<Line>;

void push(const LinePtr& line, const PublicationPtr& publication) {
    const auto bytes = publication->channel.size() + publication->payload.size();
    if (line->silent || !line->inbox->push(publication, bytes)) line->lost.add();
}

/// Only while the connection is there, and runs.
template <class Task>
void post(const LinePtr& line, Task task) {
    line->loop->post([line, then = std::move(task)]() mutable {
        if (line->has_owner) then();
    });
}

void post_refresh(const LinePtr& line) {
    post(line, [line] { line->refresh(); });
}

class Broker final : public LocalBroker, public std::enable_shared_from_this<Broker> {
public:
    explicit Broker(LocalBrokerOptions broker_options) : options(broker_options) {}

    std::unique_ptr<IPubSub> connect() override;
    void set_available(bool available) override;
    void set_available(const IPubSub& connection, bool available) override;
    void set_silent(const IPubSub& connection, bool silent) override;

    bool available() const noexcept { return available_; }
    void add(const LinePtr& line);
    void remove(const LinePtr& line);
    void subscribe(std::string_view channel, const LinePtr& line);
    void unsubscribe(std::string_view channel, const LinePtr& line);
    void publish(std::string_view channel, Bytes payload);

    const LocalBrokerOptions options;

private:
    std::atomic<bool> available_{true};
    std::mutex mutex_;
    std::vector<LinePtr> connections_;
    TextMap<std::vector<LinePtr>> subscribers_;
};

class Connection final : public IPubSub {
public:
    explicit Connection(std::shared_ptr<Broker> broker) : broker_(std::move(broker)) {}
    ~Connection() override { leave(); }

    std::string_view backend() const noexcept override { return "local"; }
    Result<> start(const LoopPtr& loop, PubSubHandlers handlers) override;
    void stop(UniqueFunction<void()> done) override;
    bool publish(std::string_view channel, Bytes payload) override;
    void subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) override;
    void unsubscribe(std::string_view channel) override;
    std::size_t max_payload() const noexcept override { return broker_->options.max_payload; }
    PubSubStats stats() const override;

    const LinePtr& line() const noexcept { return line_; }

private:
    /// Asked for; those in effect have nobody waiting.
    struct Channel {
        std::vector<UniqueFunction<void(Result<>)>> waiting{};
    };

    void refresh();
    void deliver(const Publication& publication);
    bool reachable() const noexcept { return running_ && line_->available && broker_->available(); }
    void bring_up();
    void post_result(UniqueFunction<void(Result<>)> done, Result<> result);
    void leave();

    const std::shared_ptr<Broker> broker_;
    const LinePtr line_ = std::make_shared<Line>();
    PubSubHandlers handlers_{};
    TextMap<Channel> channels_{};
    bool running_ = false;
};

// -- broker -----------------------------------------------------------------------------------------------------------

std::unique_ptr<IPubSub> Broker::connect() { return std::make_unique<Connection>(shared_from_this()); }

void Broker::set_available(bool available) {
    available_ = available;
    std::vector<LinePtr> connections;
    {
        const std::lock_guard lock(mutex_);
        connections = connections_;
    }
    for (const auto& line : connections) post_refresh(line);
}

void Broker::set_available(const IPubSub& connection, bool available) {
    const auto& line = static_cast<const Connection&>(connection).line();
    line->available = available;
    if (line->loop) post_refresh(line);
}

void Broker::set_silent(const IPubSub& connection, bool silent) {
    static_cast<const Connection&>(connection).line()->silent = silent;
}

void Broker::add(const LinePtr& line) {
    const std::lock_guard lock(mutex_);
    connections_.push_back(line);
}

void Broker::remove(const LinePtr& line) {
    const std::lock_guard lock(mutex_);
    std::erase(connections_, line);
}

void Broker::subscribe(std::string_view channel, const LinePtr& line) {
    const std::lock_guard lock(mutex_);
    subscribers_[std::string(channel)].push_back(line);
}

void Broker::unsubscribe(std::string_view channel, const LinePtr& line) {
    const std::lock_guard lock(mutex_);
    const auto found = subscribers_.find(channel);
    if (found == subscribers_.end()) return;
    std::erase(found->second, line);
    if (found->second.empty()) subscribers_.erase(found);
}

void Broker::publish(std::string_view channel, Bytes payload) {
    std::vector<LinePtr> receivers;
    {
        const std::lock_guard lock(mutex_);
        const auto found = subscribers_.find(channel);
        if (found == subscribers_.end()) return;
        receivers = found->second;
    }
    const auto publication =
        std::make_shared<const Publication>(Publication{std::string(channel), {payload.begin(), payload.end()}});
    for (const auto& line : receivers) push(line, publication);
}

// -- connection -------------------------------------------------------------------------------------------------------

Result<> Connection::start(const LoopPtr& loop, PubSubHandlers handlers) {
    if (line_->loop) return Error{Errc::wrong_state, "a connection is started once only"};
    handlers_ = std::move(handlers);
    line_->loop = loop;
    line_->inbox = std::make_shared<LoopInbox<PublicationPtr>>(
        loop, broker_->options.max_waiting_bytes, [this](PublicationPtr& publication) { deliver(*publication); });
    line_->refresh = [this] { refresh(); };
    line_->has_owner = true;
    running_ = true;
    broker_->add(line_);
    post_refresh(line_);
    return {};
}

void Connection::stop(UniqueFunction<void()> done) {
    leave();
    line_->loop->post(std::move(done));
}

bool Connection::publish(std::string_view channel, Bytes payload) {
    const bool up = line_->link == Link::up && reachable();
    if (!up || payload.size() > max_payload() || !is_channel_name(channel)) {
        line_->refused.add();
        return false;
    }
    line_->published.add();
    if (line_->silent) {
        line_->lost.add();
    } else {
        broker_->publish(channel, payload);
    }
    return true;
}

void Connection::subscribe(std::string_view channel, UniqueFunction<void(Result<>)> done) {
    if (!is_channel_name(channel)) {
        return post_result(std::move(done), Error{Errc::invalid_argument, "not the name of a channel"});
    }
    const auto found = channels_.find(channel);
    const bool is_new = found == channels_.end();
    if (is_new && channels_.size() >= broker_->options.max_channels) {
        return post_result(std::move(done), Error{Errc::invalid_argument, "more channels than max_channels = " +
                                                                              std::to_string(channels_.size())});
    }
    auto& entry = is_new ? channels_[std::string(channel)] : found->second;
    line_->channels.set(channels_.size());
    if (line_->link == Link::away) return entry.waiting.push_back(std::move(done));
    if (is_new) broker_->subscribe(channel, line_);
    post_result(std::move(done), {});
}

void Connection::unsubscribe(std::string_view channel) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;
    for (auto& done : found->second.waiting) {
        post_result(std::move(done), Error{Errc::wrong_state, "unsubscribed meanwhile"});
    }
    channels_.erase(found);
    line_->channels.set(channels_.size());
    broker_->unsubscribe(channel, line_);
}

PubSubStats Connection::stats() const {
    return {.link = line_->link,
            .channels = static_cast<std::size_t>(line_->channels.get()),
            .published = line_->published.get(),
            .refused = line_->refused.get(),
            .received = line_->received.get(),
            .lost = line_->lost.get(),
            .connects = line_->connects.get()};
}

void Connection::refresh() {
    if (!running_ || reachable() == (line_->link == Link::up)) return;
    if (reachable()) return bring_up();
    line_->link = Link::away;
    for (const auto& [channel, entry] : channels_) broker_->unsubscribe(channel, line_);
    line_->lost.add(line_->inbox->clear());
    handlers_.link(Link::away, "unavailable");
}

void Connection::bring_up() {
    for (auto& [channel, entry] : channels_) {
        broker_->subscribe(channel, line_);
        for (auto& done : entry.waiting) post_result(std::move(done), {});
        entry.waiting.clear();
    }
    line_->link = Link::up;
    line_->connects.add();
    handlers_.link(Link::up, "in this process");
}

void Connection::deliver(const Publication& publication) {
    if (line_->link == Link::away || !channels_.contains(publication.channel)) return;
    line_->received.add();
    handlers_.message(publication.channel, publication.payload);
}

void Connection::post_result(UniqueFunction<void(Result<>)> done, Result<> result) {
    post(line_, [then = std::move(done), outcome = std::move(result)]() mutable { then(std::move(outcome)); });
}

void Connection::leave() {
    if (!std::exchange(running_, false)) return;
    line_->has_owner = false;
    line_->inbox->close();
    line_->link = Link::away;
    broker_->remove(line_);
    for (const auto& [channel, entry] : channels_) broker_->unsubscribe(channel, line_);
    channels_.clear();
}

}  // namespace

std::shared_ptr<LocalBroker> LocalBroker::create(LocalBrokerOptions options) {
    return std::make_shared<Broker>(options);
}

}  // namespace cryo::cluster
