#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/connection.h>
#include <cryo/extension.h>

#include "extension/hook_runner.h"

namespace cryo::extension {

/// Where messages go when the hooks are done with them: the session. Each call may destroy the queue.
class HookSink {
public:
    /// Through all hooks: on to the peer, or to the application. The message may be moved from.
    /// The status is what `HookQueue::submit` returns when it all happens within that call; else `closed` leads to a
    /// call of `dropped`.
    virtual SendStatus passed(Direction direction, Message& message, std::string_view dedupe_key) = 0;
    /// Vetoed, never decided, made invalid (`vetoed`), no room to wait (`queue_full`; sending only), or it waited for
    /// longer than the session lived (`closed`).
    virtual void dropped(Direction direction, const DroppedMessage& message) = 0;
    /// `HookQueue::blocked` was true and no longer is.
    virtual void unblocked(Direction direction) = 0;

protected:
    ~HookSink() = default;
};

struct HookLimits {
    std::size_t max_count = 256;
    std::size_t max_bytes = 1u << 20;
};

/// The messages of one session in one direction on their way through the hooks. While a hook defers one, those after it
/// wait here, not yet seen by any hook; so order is kept.
///
/// Sending, a message that finds the limits reached is dropped. Receiving, nothing is dropped: `blocked` tells when to
/// stop reading, `HookSink::unblocked` when to go on.
///
/// Thread safety: loop thread only, destruction included (destroy it when the session ends); the `Deferred`s it hands
/// out may be decided on any thread, and outlive it. Cost: make one on the first message that meets an extension; a
/// session needs none before.
class HookQueue {
public:
    /// All references must outlive the queue. The session is owned by a shared_ptr; its `post` never runs a task
    /// inline.
    HookQueue(Direction direction, const HookRunner& runner, Session& session, HookSink& sink, HookLimits limits);
    ~HookQueue();
    HookQueue(const HookQueue&) = delete;
    HookQueue& operator=(const HookQueue&) = delete;

    /// `dropped` when vetoed or without room, `queued` while deferred or behind another message; else what the sink
    /// said. A message submitted by a hook or by the sink goes after the one they were called for.
    SendStatus submit(Message message, std::string_view dedupe_key = {});

    /// The session has ended: reports what waits as dropped.
    void abandon();

    /// The limits are reached by messages that wait.
    bool blocked() const noexcept { return count_ >= limits_.max_count || bytes_ >= limits_.max_bytes; }
    /// Nothing waits: when the runner is empty too, messages may pass by without `submit`.
    bool idle() const noexcept { return count_ == 0 && !busy_; }

    std::size_t waiting_count() const noexcept { return count_; }
    std::size_t waiting_bytes() const noexcept { return bytes_; }

private:
    class Context;
    struct Gate;
    struct Item {
        Message message;
        std::string dedupe_key;
        std::uint64_t order = 0;  // of the hook that deferred it
    };

    SendStatus wait(Message message, std::string_view dedupe_key);
    SendStatus process(Item& item);
    void process_waiting(Item item);
    SendStatus veto(const Item& item);
    Item take_front();
    void run_waiting();
    void decide(std::uint64_t ticket, Deferred::Decision decision);

    const Direction direction_;
    const HookRunner& runner_;
    Session& session_;
    HookSink& sink_;
    const HookLimits limits_;
    std::shared_ptr<Gate> gate_;
    std::list<Item> waiting_;
    std::size_t count_ = 0, bytes_ = 0;
    std::uint64_t ticket_ = 0;  // of the decision that the head waits for
    bool deferred_ = false;     // the head waits for a decision
    bool busy_ = false;         // hooks or sink are running
};

}  // namespace cryo::extension
