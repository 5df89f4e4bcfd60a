#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "public_loop_fixture.h"
#include "support/http_client.h"

namespace cryo::test {

using Clock = std::chrono::steady_clock;
using Events = std::vector<std::string>;

/// What happened, in order; from any thread.
class Diary {
public:
    void add(std::string event) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(event));
    }
    Events events() const {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    bool has(const std::string& event) const {
        const auto all = events();
        return std::find(all.begin(), all.end(), event) != all.end();
    }

private:
    mutable std::mutex mutex_;
    Events events_;
};

/// Writes down what happens to it, and does what it is told then.
class Living final : public IExtension {
public:
    Living(std::string name, Diary& diary) : name_(std::move(name)), diary_(diary) {}

    std::function<Result<>(Server&)> registering{}, starting{};
    std::function<void(Server&, StopHold)> stopping{};
    std::function<void(Server&)> leaving{};

    std::string_view name() const noexcept override { return name_; }
    Result<> on_register(Server& server) override {
        diary_.add(name_ + " registered");
        return registering ? registering(server) : Result<>{};
    }
    Result<> on_start(Server& server) override {
        diary_.add(name_ + " started");
        return starting ? starting(server) : Result<>{};
    }
    void on_stop(Server& server, StopHold hold) override {
        diary_.add(name_ + " stopped");
        if (stopping) stopping(server, std::move(hold));
    }
    void on_unregister(Server& server) noexcept override {
        diary_.add(name_ + " unregistered");
        if (leaving) leaving(server);
    }

private:
    std::string name_;
    Diary& diary_;
};

class ExtensionLife : public ::testing::Test {
protected:
    ExtensionLife() {
        auto options = TestServer::quick_options();
        options.threads = 2;
        options.drain_timeout = kPatience;
        make_server(options);
    }
    ~ExtensionLife() override {
        for (auto& thread : threads_) thread.join();
    }

    void make_server(const ServerOptions& options) {
        server_.emplace(options);
        (*server_)->on_error([this](const Error& error) { errors_.push(error); });
    }
    Server& server() { return **server_; }

    std::shared_ptr<Living> make(const std::string& name) { return std::make_shared<Living>(name, diary_); }
    std::shared_ptr<Living> add(const std::string& name) {
        auto extension = make(name);
        const auto added = server().register_extension(extension);
        EXPECT_TRUE(added) << added.error().message;
        return extension;
    }
    /// Has the extension keep its hold until the test takes it from `holds_`.
    void keep_hold(Living& extension) {
        extension.stopping = [this](Server&, StopHold hold) { holds_.push(std::move(hold)); };
    }
    void stop_and_wait() {
        server().stop();
        server().wait();
    }
    bool serves() { return HttpClient(server().port()).get("/").has_value(); }

    Diary diary_;
    Inbox<Error> errors_;
    Inbox<StopHold> holds_;
    std::optional<TestServer> server_;
    std::vector<std::thread> threads_;
};

}  // namespace cryo::test
