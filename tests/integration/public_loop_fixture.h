#pragma once

#include <future>
#include <memory>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "support/test_server.h"
#include "support/wait.h"

namespace cryo::test {

using namespace std::chrono_literals;

/// Runs `task` on the loop and returns what it does.
template <class Task>
auto on_loop(Loop& loop, Task task) {
    std::packaged_task<decltype(task())()> packaged(std::move(task));
    auto result = packaged.get_future();
    EXPECT_TRUE(loop.post([&packaged] { packaged(); }));
    return result.get();
}

/// A running server with two loops.
class PublicLoop : public ::testing::Test {
protected:
    PublicLoop() {
        auto options = TestServer::quick_options();
        options.threads = 2;
        server_.emplace(options);
        (*server_)->on_error([this](const Error& error) { errors_.push(error); });
        server_->start();
        loop_ = (*server_)->loops().at(0);
    }

    template <class Task>
    auto on_first(Task task) {
        return on_loop(*loop_, std::move(task));
    }

    /// Comes back once everything due within `time` has happened on the first loop.
    void let_pass(std::chrono::milliseconds time) {
        std::promise<void> done;
        auto timer = on_first([&] {
            auto created = loop_->make_timer([&] { done.set_value(); });
            created->start(time);
            return created;
        });
        done.get_future().wait();
        on_first([&] { timer.reset(); });
    }

    Inbox<Error> errors_;
    std::optional<TestServer> server_;
    LoopPtr loop_;
};

}  // namespace cryo::test
