#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/extension.h>
#include <cryo/logging.h>

namespace cryo::test {

/// An extension whose four message hooks are one function.
class FakeExtension final : public IExtension {
public:
    using Hook = std::function<Verdict(HookContext&, Message&)>;

    explicit FakeExtension(std::string name, Hook function = {}) : hook(std::move(function)), name_(std::move(name)) {}

    Hook hook;
    /// Which hooks ran, in order.
    std::vector<std::string> calls{};

    std::string_view name() const noexcept override { return name_; }
    void on_session_open(Session&) override { calls.push_back("open"); }
    void on_session_closed(Session&, const CloseEvent&) override { calls.push_back("closed"); }
    Verdict before_send_utf8(HookContext& c, Message& m) override { return run("before_send_utf8", c, m); }
    Verdict before_send_binary(HookContext& c, Message& m) override { return run("before_send_binary", c, m); }
    Verdict on_receive_utf8(HookContext& c, Message& m) override { return run("on_receive_utf8", c, m); }
    Verdict on_receive_binary(HookContext& c, Message& m) override { return run("on_receive_binary", c, m); }

private:
    Verdict run(const char* what, HookContext& context, Message& message) {
        calls.push_back(what);
        return hook ? hook(context, message) : Verdict::proceed;
    }

    const std::string name_;
};

class FakeLogger final : public ILogger {
public:
    void log(LogLevel, std::string_view component, std::string_view message) override {
        const std::lock_guard lock(mutex_);
        lines.push_back(std::string(component) + ": " + std::string(message));
    }

    std::vector<std::string> lines{};

private:
    std::mutex mutex_{};
};

}  // namespace cryo::test
