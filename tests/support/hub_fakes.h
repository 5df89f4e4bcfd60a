#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <cryo/hub/hub.h>
#include <cryo/server.h>

namespace cryo::test {

/// A loop that is whichever thread runs it: tasks wait until `run`.
class FakeLoop final : public Loop {
public:
    explicit FakeLoop(std::size_t index) noexcept : index_(index) {}

    /// Does something as this loop.
    template <class Task>
    decltype(auto) on(Task&& task) {
        const Entered entered(*this);
        return task();
    }

    /// Runs what was posted so far; how many tasks that were.
    std::size_t run() {
        std::deque<UniqueFunction<void()>> tasks;
        {
            const std::lock_guard lock(mutex_);
            tasks.swap(tasks_);
        }
        const Entered entered(*this);
        for (auto& task : tasks) {
            try {
                task();
            } catch (const std::exception& error) {
                errors.emplace_back(error.what());
            }
        }
        return tasks.size();
    }

    /// Takes no tasks any more, and forgets those it has.
    void end() {
        std::deque<UniqueFunction<void()>> unrun;
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
            unrun.swap(tasks_);
        }
    }
    std::size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return tasks_.size();
    }

    std::vector<std::string> errors{};  ///< What tasks have thrown.

    std::size_t index() const noexcept override { return index_; }
    bool in_loop_thread() const noexcept override { return current() == this; }
    bool post(UniqueFunction<void()> task) override {
        const std::lock_guard lock(mutex_);
        if (ended_) return false;
        tasks_.push_back(std::move(task));
        return true;
    }
    Clock::time_point now() const noexcept override { return Clock::now(); }
    void at_turn_end(UniqueFunction<void()> task) override { post(std::move(task)); }
    std::unique_ptr<LoopTimer> make_timer(UniqueFunction<void()>) override { return nullptr; }
    Result<std::unique_ptr<DescriptorWatch>> watch(int, DescriptorWatch::Events,
                                                   UniqueFunction<void(DescriptorWatch::Events)>) override {
        return Error{Errc::system, "not watched here"};
    }

private:
    static const FakeLoop*& current() noexcept {
        thread_local const FakeLoop* loop = nullptr;
        return loop;
    }
    struct Entered {
        explicit Entered(const FakeLoop& loop) noexcept : before(std::exchange(current(), &loop)) {}
        ~Entered() { current() = before; }
        Entered(const Entered&) = delete;
        Entered& operator=(const Entered&) = delete;
        const FakeLoop* before;
    };

    const std::size_t index_;
    mutable std::mutex mutex_{};
    std::deque<UniqueFunction<void()>> tasks_{};
    bool ended_ = false;
};

/// A server that has nothing but loops.
class LoopsOnlyServer final : public Server {
public:
    explicit LoopsOnlyServer(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) fakes.push_back(std::make_shared<FakeLoop>(i));
    }

    std::vector<std::shared_ptr<FakeLoop>> fakes{};

    std::vector<LoopPtr> loops() const override { return {fakes.begin(), fakes.end()}; }

    void on_listening(std::function<void(std::uint16_t)>) override {}
    void on_session(std::function<void(const SessionPtr&)>) override {}
    void on_error(std::function<void(const Error&)>) override {}
    Result<Endpoint*> websocket(std::string, WebSocketHandlers) override { return refusal(); }
    Result<> http(std::string_view, std::string_view, HttpHandler) override { return refusal(); }
    Result<> files(std::string_view, const std::string&) override { return refusal(); }
    Result<> register_extension(std::shared_ptr<IExtension>) override { return refusal(); }
    Result<> unregister_extension(std::string_view) override { return refusal(); }
    Result<> reload_tls(const TlsOptions&) override { return refusal(); }
    Result<> start() override { return refusal(); }
    Result<> run() override { return refusal(); }
    void stop() noexcept override {}
    void wait() override {}
    std::uint16_t port() const noexcept override { return 0; }
    ServerStats stats() const override { return {}; }
    std::size_t session_count() const noexcept override { return 0; }
    SessionPtr find(const SessionId&) const override { return nullptr; }
    void for_each_session(std::function<void(Session&)>) override {}

private:
    static Error refusal() { return {Errc::wrong_state, "loops only"}; }
};

/// A receiver that notes what it gets.
class FakeReceiver final : public hub::IReceiver {
public:
    std::vector<std::string> got{};
    std::function<void(const std::string&)> on_delivery{};
    SendStatus answer = SendStatus::sent;
    bool open = true;
    int close_code = 0;
    std::string close_reason{};
    std::optional<std::chrono::steady_clock::time_point> heard{};
    hub::SubscriberPtr subscriber{};  ///< Its own, when it is to end with it.

    SendStatus deliver(const PreparedMessage& message) override {
        if (!open) return SendStatus::closed;
        got.emplace_back(as_text(message.payload()));
        if (on_delivery) {
            const std::string text = got.back();
            on_delivery(text);
        }
        return answer;
    }
    void close(std::uint16_t code, std::string_view reason) override {
        open = false;
        close_code = code;
        close_reason = reason;
    }
    bool is_open() const noexcept override { return open; }
    std::string_view remote_address() const noexcept override { return "192.0.2.7"; }
    std::optional<std::chrono::steady_clock::time_point> last_heard() const noexcept override { return heard; }
};

/// A relay to no other nodes, which notes what it is told. What is to be answered waits for the test.
class RecordingRelay final : public hub::IRelay {
public:
    std::vector<std::string> calls{};
    std::vector<hub::OutcomeHandler> outcomes{};
    std::vector<hub::ListHandler> lists{};
    std::vector<hub::TopicListHandler> topic_lists{};
    std::vector<UniqueFunction<void()>> settlements{};
    std::function<void()> on_interest{};

    static std::string name(const hub::Interest& interest) {
        static constexpr const char* kKinds[]{"topic ", "user ", "connection "};
        return kKinds[static_cast<std::size_t>(interest.kind)] + interest.name;
    }
    std::vector<std::string> take_calls() {
        const std::lock_guard lock(mutex_);
        return std::exchange(calls, {});
    }
    std::size_t settlement_count() {
        const std::lock_guard lock(mutex_);
        return settlements.size();
    }
    std::vector<UniqueFunction<void()>> take_settlements() {
        const std::lock_guard lock(mutex_);
        return std::exchange(settlements, {});
    }

    void publish(const hub::PublicationPtr& publication, hub::OutcomeHandler done) override {
        note("publish " + publication->audience.to.at(0).name + ": " +
             std::string(as_text(publication->message.payload())));
        keep(std::move(done));
    }
    void disconnect(const hub::Audience& audience, std::uint16_t code, std::string_view reason,
                    hub::OutcomeHandler done) override {
        note("disconnect " + audience.to.at(0).name + ' ' + std::to_string(code) + ' ' + std::string(reason));
        keep(std::move(done));
    }
    void change(const hub::TopicChange& change, hub::OutcomeHandler done) override {
        note((change.subscribe ? "subscribe " : "unsubscribe ") + change.audience.to.at(0).name);
        keep(std::move(done));
    }
    void count(const hub::Audience& audience, hub::OutcomeHandler done) override {
        note("count " + audience.to.at(0).name);
        keep(std::move(done));
    }
    void list(const hub::Audience& audience, hub::ListHandler done) override {
        note("list " + audience.to.at(0).name);
        const std::lock_guard lock(mutex_);
        lists.push_back(std::move(done));
    }
    void list_topics(std::string_view prefix, hub::TopicListHandler done) override {
        note("topics " + std::string(prefix));
        const std::lock_guard lock(mutex_);
        topic_lists.push_back(std::move(done));
    }
    void interest_changed(const hub::Interest& interest) override {
        note("interest " + name(interest));
        if (on_interest) on_interest();
    }
    void settle(std::vector<hub::Interest> interests, UniqueFunction<void()> done) override {
        std::string call = "settle";
        for (const auto& interest : interests) call += " " + name(interest);
        note(call);
        const std::lock_guard lock(mutex_);
        settlements.push_back(std::move(done));
    }

private:
    void note(std::string call) {
        const std::lock_guard lock(mutex_);
        calls.push_back(std::move(call));
    }
    void keep(hub::OutcomeHandler done) {
        const std::lock_guard lock(mutex_);
        if (done) outcomes.push_back(std::move(done));
    }

    std::mutex mutex_{};
};

}  // namespace cryo::test
