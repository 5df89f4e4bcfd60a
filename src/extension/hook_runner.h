#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <cryo/extension.h>
#include <cryo/logging.h>

#include "extension/pipeline.h"

namespace cryo::extension {

enum class Direction : std::uint8_t { send, receive };

/// Runs the hooks on one loop. User code is fenced here: what a hook throws is logged, counted and taken as `proceed`.
///
/// Thread safety: loop thread only.
class HookRunner {
public:
    /// @param logger may be null
    explicit HookRunner(std::shared_ptr<ILogger> logger) noexcept : logger_(std::move(logger)) {}

    /// From now on these extensions run; a deferred chain goes on with those of them that come after the hook that
    /// deferred.
    void use(Snapshot snapshot) noexcept { snapshot_ = std::move(snapshot); }
    bool empty() const noexcept { return snapshot_ == nullptr; }

    /// Tells every extension that the session is open. The result, kept by the session, says which ones know of it.
    std::uint64_t session_opened(Session& session) const;
    /// Tells those that know of the session.
    void session_closed(Session& session, const CloseEvent& event, std::uint64_t opened_mark) const;

    /// Runs the message hooks behind place `order` (0: all) until one stops the chain; `order` is then that one's
    /// place. Returns `drop` too when a hook leaves text that is not UTF-8, or a message of the other kind.
    Verdict run(Direction direction, HookContext& context, Message& message, std::uint64_t& order) const;

    /// Whether a hook, or its late decision, left the message of its kind and text valid UTF-8.
    static bool is_sound(const Message& message, MessageKind kind) noexcept;

    void log(LogLevel level, std::string_view component, std::string_view message) const noexcept;

private:
    template <class Hook>
    void fenced(Registration& registration, std::string_view what, Hook&& hook) const noexcept;

    Snapshot snapshot_;
    std::shared_ptr<ILogger> logger_;
};

}  // namespace cryo::extension
