#include "connection/loop_context.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "connection/websocket_connection.h"

namespace cryo::connection {

namespace {

constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

void ThrottledConnections::add(WebSocketConnection& connection) {
    if (!connection.wait_for_kernel(true)) return;
    waiting_.add({&connection});
    if (!timer_.armed()) loop_.timers().start(timer_, kLookEvery);
}

void ThrottledConnections::remove(WebSocketConnection& connection) noexcept {
    if (connection.wait_for_kernel(false)) waiting_.remove(connection);
}

void ThrottledConnections::look() noexcept {
    waiting_.for_each([this](const ConnectionEntry& entry) {
        WebSocketConnection& connection = *entry.connection;
        remove(connection);
        connection.recheck_backlog();  // adds itself again when it still has to wait
    });
}

bool LoopContext::note_refusal(Refusals& refusals, const DroppedMessage& message) {
    const std::lock_guard lock(refusals_mutex_);
    const bool first = !refusals;
    if (first) refusals = std::make_unique<std::vector<DroppedMessage>>();
    for (DroppedMessage& known : *refusals) {
        if (known.kind != message.kind || known.reason != message.reason) continue;
        known.bytes += message.bytes;
        known.count += message.count;
        return first;
    }
    refusals->push_back(message);
    refusals->back().dedupe_key = {};
    return first;
}

std::vector<DroppedMessage> LoopContext::take_refusals(Refusals& refusals) {
    const std::lock_guard lock(refusals_mutex_);
    auto taken = std::move(*refusals);
    refusals.reset();
    return taken;
}

void LoopContext::log(LogLevel level, std::string_view component, std::string_view message) const noexcept {
    if (!options->logger) return;
    try {
        options->logger->log(level, component, message);
    } catch (...) {
        // A logger cannot stop the server, and there is nobody left to tell.
    }
}

void LoopContext::report_exception(std::string_view where, std::exception_ptr error) noexcept {
    Counters::add(counters.handler_exceptions);
    try {
        std::string what = "something that is no std::exception";
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& exception) {
            what = exception.what();
        } catch (...) {
        }
        const std::string message = fmt::format("{} threw: {}", where, what);
        log(LogLevel::error, "server", message);
        if (on_error) on_error({Errc::user_code, message});
    } catch (...) {
        // Out of memory while reporting, or the error handler threw itself.
    }
}

}  // namespace cryo::connection
