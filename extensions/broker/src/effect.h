#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <cryo/loop.h>
#include <cryo/result.h>
#include <cryo/unique_function.h>

#include "directory.h"
#include "wire.h"

namespace cryo::broker {

/// What a message or channel action came to.
struct Effect {
    std::size_t connections = 0;  ///< That it reached.
    bool complete = true;         ///< False: there may be more; a worker did not say.

    void add(const Effect& other) noexcept {
        connections += other.connections;
        complete &= other.complete;
    }
    bool operator==(const Effect&) const = default;
};

using EffectHandler = UniqueFunction<void(Result<Effect>)>;

/// What an API sends to workers.
struct Parcel {
    std::variant<wire::Message, wire::ChannelAction> content{};
    std::string request_id{};  ///< Of the request it came with, for the logs of workers.

    const wire::Message* message() const noexcept { return std::get_if<wire::Message>(&content); }
    const wire::ChannelAction* action() const noexcept { return std::get_if<wire::ChannelAction>(&content); }

    /// A message that gets lost is one that was not delivered; a change that gets lost is one the caller relies on.
    bool changes_something() const noexcept {
        const auto* sent = message();
        return !sent || sent->type == wire::Message::Type::disconnect;
    }
};

/// Carries parcels to workers of other processes.
///
/// Thread safety: called on the broker's home loop, where it answers too, possibly from within the call.
/// Errors: `system`, when a worker could not be reached or did not confirm what it should have.
class IMessenger {
public:
    virtual ~IMessenger() = default;

    virtual void send(std::vector<WorkerRoute> workers, Parcel parcel, EffectHandler done) = 0;
};

/// Runs a task when the last copy of the pointer to it goes: when all callbacks that hold one have been called or
/// destroyed.
class AtEnd {
public:
    explicit AtEnd(UniqueFunction<void()> task) : task_(std::move(task)) {}
    ~AtEnd() { task_(); }
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;

private:
    UniqueFunction<void()> task_;
};

/// At once when this is the loop's thread. After the loop has ended the task is destroyed unrun.
template <class Task>
void run_on(Loop& loop, Task&& task) {
    if (loop.in_loop_thread()) {
        task();
    } else {
        loop.post(std::forward<Task>(task));
    }
}

}  // namespace cryo::broker
