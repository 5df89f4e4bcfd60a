#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <cryo/extension.h>

namespace cryo::test {

/// An extension of functions; counts what opens and closes.
class TestExtension : public IExtension {
public:
    using Hook = std::function<Verdict(HookContext&, Message&)>;
    explicit TestExtension(std::string name, Hook receive_hook = {}, Hook send_hook = {})
        : receive(std::move(receive_hook)), send(std::move(send_hook)), name_(std::move(name)) {}

    Hook receive, send;
    std::function<Result<>()> registering{};
    std::function<void(Session&)> opening{};
    std::atomic<int> opens{0}, closes{0}, registered{0}, unregistered{0}, running{0};
    std::atomic<std::uint64_t> hooks{0};

    std::string_view name() const noexcept override { return name_; }
    Result<> on_register(Server&) override {
        ++registered;
        return registering ? registering() : Result<>{};
    }
    void on_unregister(Server&) noexcept override { ++unregistered; }
    void on_session_open(Session& session) override {
        ++opens;
        if (opening) opening(session);
    }
    void on_session_closed(Session&, const CloseEvent&) override { ++closes; }
    Verdict before_send_utf8(HookContext& c, Message& m) override { return run(send, c, m); }
    Verdict before_send_binary(HookContext& c, Message& m) override { return run(send, c, m); }
    Verdict on_receive_utf8(HookContext& c, Message& m) override { return run(receive, c, m); }
    Verdict on_receive_binary(HookContext& c, Message& m) override { return run(receive, c, m); }

private:
    Verdict run(const Hook& hook, HookContext& context, Message& message) {
        ++hooks;
        ++running;
        struct Leave {
            std::atomic<int>& count;
            ~Leave() { --count; }
        } leave{running};
        return hook ? hook(context, message) : Verdict::proceed;
    }

    std::string name_;
};

}  // namespace cryo::test
