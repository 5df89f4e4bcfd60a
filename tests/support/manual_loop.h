#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <cryo/loop.h>

namespace cryo::test {

/// A loop whose time the test moves and whose tasks the test runs, all on the test's thread. Tasks may be posted from
/// any thread.
class ManualLoop final : public Loop {
public:
    std::size_t index() const noexcept override { return 0; }
    bool in_loop_thread() const noexcept override { return inside_; }
    bool post(UniqueFunction<void()> task) override {
        const std::lock_guard lock(mutex_);
        if (ended_) return false;
        posted_.push_back(std::move(task));
        return true;
    }
    Clock::time_point now() const noexcept override { return now_; }
    void at_turn_end(UniqueFunction<void()> task) override { turn_end_.push_back(std::move(task)); }
    std::unique_ptr<LoopTimer> make_timer(UniqueFunction<void()> callback) override {
        return std::make_unique<Timer>(*this, std::move(callback));
    }
    Result<std::unique_ptr<DescriptorWatch>> watch(int, DescriptorWatch::Events,
                                                   UniqueFunction<void(DescriptorWatch::Events)>) override {
        return Error{Errc::system, "this loop watches nothing"};
    }

    /// Turns until nothing is left to do now.
    void run() {
        while (turn()) {
        }
    }

    /// Lets time pass: what becomes due runs in order, each in a turn of its own.
    void advance(std::chrono::milliseconds time) {
        const auto until = now_ + time;
        run();
        while (auto* next = next_due(until)) {
            now_ = std::max(now_, next->due);
            next->fire();
            run();
        }
        now_ = until;
        run();
    }

    /// Lets time pass without running anything, as for a process that is stopped.
    void sleep(std::chrono::milliseconds time) { now_ += time; }

    /// While it exists, calls come from another thread, as far as `in_loop_thread` says.
    class Outside {
    public:
        explicit Outside(ManualLoop& loop) : loop_(loop) { loop_.inside_ = false; }
        ~Outside() { loop_.inside_ = true; }
        Outside(const Outside&) = delete;
        Outside& operator=(const Outside&) = delete;

    private:
        ManualLoop& loop_;
    };

    /// Runs nothing any more, and lets go of what waited to run.
    void end() {
        std::vector<UniqueFunction<void()>> unrun;
        const std::lock_guard lock(mutex_);
        ended_ = true;
        unrun.swap(posted_);
    }

private:
    struct Timer final : LoopTimer {
        Timer(ManualLoop& loop, UniqueFunction<void()> on_due) : owner(loop), callback(std::move(on_due)) {
            owner.timers_.push_back(this);
        }
        ~Timer() override { std::erase(owner.timers_, this); }
        void start(std::chrono::milliseconds delay) override {
            due = owner.now_ + delay;
            is_armed = true;
        }
        void cancel() noexcept override { is_armed = false; }
        bool armed() const noexcept override { return is_armed; }
        void fire() {
            is_armed = false;
            auto running = std::move(callback);  // it may destroy this timer
            const auto alive = std::weak_ptr<void>(life);
            running();
            if (!alive.expired()) callback = std::move(running);
        }

        ManualLoop& owner;
        UniqueFunction<void()> callback;
        Clock::time_point due{};
        bool is_armed = false;
        std::shared_ptr<int> life = std::make_shared<int>(0);
    };

    bool turn() {
        std::vector<UniqueFunction<void()>> tasks;
        {
            const std::lock_guard lock(mutex_);
            tasks.swap(posted_);
        }
        for (auto& task : tasks) task();
        auto ending = std::exchange(turn_end_, {});
        for (auto& task : ending) task();
        return !tasks.empty() || !ending.empty();
    }

    Timer* next_due(Clock::time_point until) const {
        Timer* next = nullptr;
        for (auto* timer : timers_) {
            if (timer->is_armed && timer->due <= until && (!next || timer->due < next->due)) next = timer;
        }
        return next;
    }

    Clock::time_point now_{std::chrono::hours(1)};
    std::mutex mutex_;
    std::vector<UniqueFunction<void()>> posted_;
    std::vector<UniqueFunction<void()>> turn_end_;
    std::vector<Timer*> timers_;
    bool inside_ = true;
    bool ended_ = false;
};

}  // namespace cryo::test
