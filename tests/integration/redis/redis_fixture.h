#pragma once

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/redis/client.h>

#include "support/log_lines.h"
#include "support/redis_server.h"
#include "support/test_server.h"
#include "support/wait.h"

namespace cryo::test {

/// A loop of a real server; its methods are for the test's thread.
class TestLoop {
public:
    TestLoop() : server_(TestServer::quick_options(), nullptr) {
        server_->on_error([this](const Error& error) { errors_.push(error); });
        server_.start();
        loop_ = server_->loops().front();
    }

    const LoopPtr& get() const noexcept { return loop_; }
    Inbox<Error>& errors() noexcept { return errors_; }
    /// Ends the loop.
    void end() { server_.destroy(); }

    /// Runs `task` on the loop's thread and returns what it returned.
    template <class Task>
    auto run(Task task) {
        using Value = decltype(task());
        std::promise<Value> promise;
        auto future = promise.get_future();
        const bool posted = loop_->post([&] {
            if constexpr (std::is_void_v<Value>) {
                task();
                promise.set_value();
            } else {
                promise.set_value(task());
            }
        });
        if (!posted) throw std::runtime_error("the loop has ended");
        return future.get();
    }

    /// Returns once what was sent on this loop has left.
    void finish_turn() {
        std::promise<void> promise;
        run([&] { loop_->at_turn_end([&] { promise.set_value(); }); });
        promise.get_future().get();
    }

private:
    Inbox<Error> errors_;
    TestServer server_;
    LoopPtr loop_;
};

using Answer = Result<redis::Reply>;
using Answers = std::shared_ptr<Inbox<Answer>>;

/// Names what an answer is, to compare with: its text, number or error.
inline std::string words_of(const redis::Reply& reply) {
    using Kind = redis::Reply::Kind;
    std::string words;
    switch (reply.kind()) {
        case Kind::nil:
            return "(nil)";
        case Kind::integer:
            return std::to_string(*reply.integer());
        case Kind::string:
            return std::string(reply.text());
        case Kind::error:
            return "-" + std::string(reply.text());
        case Kind::array:
            for (const auto& element : reply.elements()) words += (words.empty() ? "" : " ") + words_of(element);
            return "[" + words + "]";
    }
    return "?";
}

inline std::string words_of(const Answer& answer) {
    return answer ? words_of(answer.value()) : "error: " + answer.error().message;
}

/// A client on a loop of its own. Its methods are for the test's thread.
class TestClient {
public:
    using Words = std::vector<std::string>;

    /// Options for the server, with short times.
    static redis::Options options_for(const RedisServer& server) {
        redis::Options options;
        options.address = {.host = "127.0.0.1", .port = server.public_port()};
        options.connect_timeout = std::chrono::milliseconds(2000);
        options.retry_max = std::chrono::milliseconds(200);
        options.command_timeout = kPatience;
        return options;
    }

    explicit TestClient(const RedisServer& server) : TestClient(options_for(server)) {}
    explicit TestClient(redis::Options options) {
        if (!options.logger) options.logger = log_;
        auto made = loop_.run([&] { return redis::Client::create(loop_.get(), std::move(options)); });
        if (!made) throw std::runtime_error(made.error().message);
        client_ = std::move(made).value();
    }
    ~TestClient() { destroy(); }

    TestLoop& loop() noexcept { return loop_; }
    redis::Client& operator*() noexcept { return *client_; }
    const LogLines& log() const noexcept { return *log_; }

    /// Sends it; what becomes of it comes through the inbox.
    Answers begin(Words words, redis::CommandOptions options = {}) {
        auto answers = std::make_shared<Inbox<Answer>>();
        loop_.run([&] { send(words, options, answers); });
        return answers;
    }
    /// All in one turn of the loop.
    Answers begin_all(const std::vector<Words>& commands, redis::CommandOptions options = {}) {
        auto answers = std::make_shared<Inbox<Answer>>();
        loop_.run([&] {
            for (const auto& words : commands) send(words, options, answers);
        });
        return answers;
    }
    Answer ask(Words words, redis::CommandOptions options = {}) { return take(begin(std::move(words), options)); }
    std::string say(Words words, redis::CommandOptions options = {}) {
        return words_of(ask(std::move(words), options));
    }
    Answer run(const redis::Script& script, Words keys, Words arguments, redis::CommandOptions options = {}) {
        auto answers = std::make_shared<Inbox<Answer>>();
        loop_.run([&] {
            const auto key_views = views_of(keys);
            const auto argument_views = views_of(arguments);
            client_->run(script, redis::Client::Words(key_views), redis::Client::Words(argument_views), options,
                         [answers](Answer answer) { answers->push(std::move(answer)); });
        });
        return take(answers);
    }

    static Answer take(const Answers& answers) {
        auto answer = answers->next();
        return answer ? std::move(*answer) : Answer(Error{Errc::wrong_state, "the callback was not called"});
    }

    redis::Health health() {
        return loop_.run([&] { return client_->health(); });
    }
    bool becomes(redis::Health health) {
        return eventually([&] { return this->health() == health; });
    }
    redis::ClientStats stats() {
        return loop_.run([&] { return client_->stats(); });
    }
    void stop() {
        loop_.run([&] { client_->stop(); });
    }
    void destroy() {
        if (client_) loop_.run([&] { client_.reset(); });
    }
    /// Without the loop's thread, which has ended.
    void destroy_here() { client_.reset(); }

    static std::vector<std::string_view> views_of(const Words& words) { return {words.begin(), words.end()}; }

private:
    void send(const Words& words, redis::CommandOptions options, const Answers& answers) {
        const auto views = views_of(words);
        client_->command(redis::Client::Words(views), options,
                         [answers](Answer answer) { answers->push(std::move(answer)); });
    }

    std::shared_ptr<LogLines> log_ = std::make_shared<LogLines>();
    TestLoop loop_;
    std::unique_ptr<redis::Client> client_;
};

}  // namespace cryo::test
