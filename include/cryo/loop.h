#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include <cryo/export.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

namespace cryo {

/// A one-shot timer of a `Loop`. Destroyed, it is cancelled.
///
/// Thread safety: the loop's thread; after the loop has ended, any one thread. A callback may start, cancel or destroy
/// its own timer. Accuracy: counted from `Loop::now`, up to 32 ms late, never early.
class CRYO_API LoopTimer {
public:
    virtual ~LoopTimer() = default;

    /// Calls back once after `delay`; started again, the earlier call does not come. Nothing once the loop has ended.
    virtual void start(std::chrono::milliseconds delay) = 0;
    virtual void cancel() noexcept = 0;
    virtual bool armed() const noexcept = 0;
};

/// Watches a descriptor that the caller owns, and keeps open for as long: closed under a watch, it can take the process
/// down. Level-triggered: what is ready and wanted is told in each turn. Destroyed, it stops, and the descriptor may be
/// closed at once.
///
/// Thread safety: the loop's thread; after the loop has ended, any one thread. A callback may change or destroy its own
/// watch.
class CRYO_API DescriptorWatch {
public:
    /// What a descriptor is watched for, and what is told. An error or hang-up is told as everything that was wanted:
    /// reading or writing then finds out.
    struct Events {
        bool readable = false;
        bool writable = false;

        bool operator==(const Events&) const = default;
    };

    virtual ~DescriptorWatch() = default;

    /// From now on only these; with none the watch rests. Nothing once the loop has ended.
    virtual void want(Events events) = 0;
};

/// One event loop of a server, for extensions that do I/O of their own or keep time.
///
/// Thread safety: methods marked "any thread" may be called from everywhere, the others on the loop's thread; before
/// the loop runs, on the thread that starts the server. What callbacks and tasks throw is caught, logged, counted and
/// told to `Server::on_error`.
/// Lifetime: a `LoopPtr` may be kept beyond the server; `post` then answers false, and nothing calls back any more.
/// Callbacks are destroyed with their timer or watch, those of watches when the loop ends at the latest: one that owns
/// its own timer keeps it for ever.
class CRYO_API Loop {
public:
    using Clock = std::chrono::steady_clock;

    virtual ~Loop() = default;

    /// Its place in `Server::loops()`. Any thread.
    virtual std::size_t index() const noexcept = 0;
    virtual bool in_loop_thread() const noexcept = 0;  ///< Any thread.

    /// Runs the task on the loop's thread, in the order of posting. False, and the task destroyed unrun on the calling
    /// thread, when the loop has ended. Any thread.
    virtual bool post(UniqueFunction<void()> task) = 0;

    /// The time at which this turn of the loop began; before the loop runs, the time.
    virtual Clock::time_point now() const noexcept = 0;

    /// Runs the task when this turn of the loop ends, before what was sent leaves; called from within such a task, when
    /// the next one does. For gathering what one turn wrote into one system call. Destroyed unrun when the loop ends.
    virtual void at_turn_end(UniqueFunction<void()> task) = 0;

    virtual std::unique_ptr<LoopTimer> make_timer(UniqueFunction<void()> callback) = 0;

    /// Makes the descriptor non-blocking. Errors: `system` when it cannot be watched (a file, closed, watched on this
    /// loop already); `wrong_state` when the loop has ended.
    virtual Result<std::unique_ptr<DescriptorWatch>> watch(int descriptor, DescriptorWatch::Events events,
                                                           UniqueFunction<void(DescriptorWatch::Events)> callback) = 0;
};

using LoopPtr = std::shared_ptr<Loop>;

}  // namespace cryo
