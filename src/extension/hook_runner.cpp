#include "extension/hook_runner.h"

#include <exception>
#include <string>

#include "core/log.h"
#include "websocket/utf8.h"

namespace cryo::extension {
namespace {

Verdict call(IExtension& extension, Direction direction, HookContext& context, Message& message) {
    const bool text = message.kind() == MessageKind::text;
    if (direction == Direction::send) {
        return text ? extension.before_send_utf8(context, message) : extension.before_send_binary(context, message);
    }
    return text ? extension.on_receive_utf8(context, message) : extension.on_receive_binary(context, message);
}

}  // namespace

bool HookRunner::is_sound(const Message& message, MessageKind kind) noexcept {
    return message.kind() == kind && (kind == MessageKind::binary || websocket::is_valid_utf8(message.bytes()));
}

template <class Hook>
void HookRunner::fenced(Registration& registration, std::string_view what, Hook&& hook) const noexcept {
    const auto failed = [&](std::string_view why) {
        const std::uint64_t count = ++registration.failures;
        // A hook that fails for every message fills no disk: 1st, 2nd, 4th, 8th ...
        if ((count & (count - 1)) != 0) return;
        log(LogLevel::error, registration.name,
            std::string(what) + " threw: " + std::string(why) + " failures=" + std::to_string(count));
    };
    try {
        hook(*registration.extension);
    } catch (const std::exception& error) {
        failed(error.what());
    } catch (...) {
        failed("not a std::exception");
    }
}

std::uint64_t HookRunner::session_opened(Session& session) const {
    const Snapshot extensions = snapshot_;
    if (!extensions) return 0;
    for (const auto& registration : *extensions) {
        fenced(*registration, "on_session_open", [&](IExtension& extension) { extension.on_session_open(session); });
    }
    return extensions->back()->order;
}

void HookRunner::session_closed(Session& session, const CloseEvent& event, std::uint64_t opened_mark) const {
    const Snapshot extensions = snapshot_;
    if (!extensions) return;
    for (const auto& registration : *extensions) {
        if (registration->order > opened_mark) break;
        fenced(*registration, "on_session_closed",
               [&](IExtension& extension) { extension.on_session_closed(session, event); });
    }
}

Verdict HookRunner::run(Direction direction, HookContext& context, Message& message, std::uint64_t& order) const {
    const Snapshot extensions = snapshot_;
    if (!extensions) return Verdict::proceed;
    const MessageKind kind = message.kind();
    for (const auto& registration : *extensions) {
        if (registration->order <= order) continue;
        order = registration->order;
        Verdict verdict = Verdict::proceed;
        fenced(*registration, direction == Direction::send ? "before_send" : "on_receive",
               [&](IExtension& extension) { verdict = call(extension, direction, context, message); });
        if (verdict == Verdict::drop) return verdict;
        if (!is_sound(message, kind)) {
            log(LogLevel::error, registration->name,
                "left a message that is not valid UTF-8, or of another kind: dropped");
            return Verdict::drop;
        }
        if (verdict != Verdict::proceed) return verdict;
    }
    return Verdict::proceed;
}

void HookRunner::log(LogLevel level, std::string_view component, std::string_view message) const noexcept {
    cryo::log(logger_.get(), level, component, message);
}

}  // namespace cryo::extension
