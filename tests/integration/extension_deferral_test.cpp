// Hooks of a running server that decide later: what waits behind them, how much of it, and until when.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "integration/session_fixture.h"
#include "integration/test_extension.h"

namespace cryo::test {
namespace {

/// A server with one extension, and one client of it.
class ExtensionDeferral : public ::testing::Test {
protected:
    void start(TestExtension::Hook receive, TestExtension::Hook send) {
        server_.emplace(options_, [this](Session& session) {
            echo(session);
            session.on_dropped([this](Session&, const DroppedMessage& message) { dropped_.push(message.reason); });
        });
        ASSERT_TRUE(
            server()->register_extension(std::make_shared<TestExtension>("late", std::move(receive), std::move(send))));
        server().start();
        client_ = connect(server());
        ASSERT_EQ(client_->status(), 101);
        session_ = server().next_session();
    }

    /// Holds back every message, or those of one text, until the test decides.
    TestExtension::Hook hold(std::optional<std::string_view> text = {}) {
        return [this, text](HookContext& context, Message& message) {
            if (text && message.utf8() != *text) return Verdict::proceed;
            held_.push(std::make_shared<Deferred>(context.defer()));
            return Verdict::defer;
        };
    }
    std::shared_ptr<Deferred> next_held() { return held_.next().value(); }

    CryoServer& server() { return *server_; }

    ServerOptions options_ = TestServer::quick_options();
    Inbox<std::shared_ptr<Deferred>> held_;
    Inbox<DropReason> dropped_;
    std::optional<CryoServer> server_;
    std::shared_ptr<CryoClient> client_;
    SessionPtr session_;
};

/// Decides on a thread of its own, in the order of the hooks.
class LateDecider {
public:
    LateDecider() : thread_([this] { run(); }) {}
    ~LateDecider() {
        todo_.push(std::nullopt);
        thread_.join();
    }
    TestExtension::Hook hook() {
        return [this](HookContext& context, Message&) {
            todo_.push(std::make_shared<Deferred>(context.defer()));
            return Verdict::defer;
        };
    }

private:
    void run() {
        while (auto next = todo_.next()) {
            if (!*next) return;
            (**next)->proceed();
        }
    }
    Inbox<std::optional<std::shared_ptr<Deferred>>> todo_;
    std::thread thread_;
};

TEST_F(ExtensionDeferral, DecisionsFromAnotherThreadKeepTheOrderBothWays) {
    LateDecider in, out;
    start(in.hook(), out.hook());
    // No more in flight than may be deferred.
    for (int i = 0, sent = 0; i < 1000; ++i) {
        while (sent < 1000 && sent < i + 100) (*client_)->send_text(std::to_string(sent++));
        ASSERT_EQ(client_->next_text(), std::to_string(i));
    }
}

TEST_F(ExtensionDeferral, MessagesBehindADeferredOneWait) {
    start(hold("hold"), nullptr);
    const auto other = connect(server());
    for (const auto* text : {"hold", "a", "hold", "b"}) (*client_)->send_text(text);
    const auto first = next_held();
    EXPECT_EQ(other->echo("not held up"), "not held up");
    first->proceed(Message(std::string("replaced")));
    EXPECT_EQ(client_->next_text(), "replaced");
    EXPECT_EQ(client_->next_text(), "a");
    next_held()->drop();
    EXPECT_EQ(client_->next_text(), "b");
}

TEST_F(ExtensionDeferral, ReadingStopsWhileTooMuchWaitsAndGoesOn) {
    options_.backpressure.max_deferred_count = 4;
    start(hold("0"), nullptr);
    for (int i = 0; i < 100; ++i) (*client_)->send_text(std::to_string(i));
    const auto decision = next_held();
    for (int i = 0; i < 10; ++i) on_loop(*session_, [] {});
    EXPECT_EQ(on_loop(*session_, [&] { return session_->stats().connection.messages_received; }), 4U);
    decision->proceed();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(client_->next_text(), std::to_string(i));
}

TEST_F(ExtensionDeferral, OutgoingMessagesBehindADeferredOneAreDroppedBeyondTheLimit) {
    options_.backpressure.max_deferred_count = 4;
    start(nullptr, hold("0"));
    on_loop(*session_, [&] {
        for (int i = 0; i < 6; ++i) {
            EXPECT_EQ(session_->send_utf8(std::to_string(i)), i < 4 ? SendStatus::queued : SendStatus::dropped);
        }
    });
    EXPECT_EQ(dropped_.size(), 2U);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(dropped_.next(), DropReason::queue_full);
    next_held()->proceed();
    for (int i = 0; i < 4; ++i) ASSERT_EQ(client_->next_text(), std::to_string(i));
}

TEST_F(ExtensionDeferral, CloseWaitsForWhatIsDeferred) {
    options_.close_timeout = kPatience;
    start(nullptr, hold());
    on_loop(*session_, [&] {
        EXPECT_EQ(session_->send_utf8("before"), SendStatus::queued);
        session_->close();
        EXPECT_EQ(session_->send_utf8("after"), SendStatus::closed);
    });
    next_held()->proceed();
    EXPECT_EQ(client_->next_text(), "before");
    EXPECT_EQ(client_->close_code(), 4000);
}

TEST_F(ExtensionDeferral, WhatComesFromAnotherThreadWhileACloseWaitsIsReported) {
    options_.close_timeout = kPatience;
    start(nullptr, hold());
    session_->send_utf8("before");
    session_->close();
    EXPECT_EQ(session_->send_utf8("after"), SendStatus::queued);
    EXPECT_EQ(dropped_.next(), DropReason::closed);
    EXPECT_EQ(server()->stats().dropped_messages, 1U);
    next_held()->proceed();
    EXPECT_EQ(client_->next_text(), "before");
    EXPECT_EQ(client_->close_code(), 4000);
}

TEST_F(ExtensionDeferral, CloseDoesNotWaitForever) {
    options_.close_timeout = std::chrono::milliseconds(50);
    start(nullptr, hold());
    session_->send_utf8("never decided");
    session_->close();
    EXPECT_EQ(client_->close_code(), 4000);
    server().destroy();
}

TEST_F(ExtensionDeferral, WhatStillWaitsWhenTheSessionEndsIsReported) {
    start(nullptr, hold());
    session_->send_utf8("a");
    session_->send_utf8("b");
    const auto decision = next_held();
    client_->send_close(1000);
    server().next_end();
    EXPECT_EQ(dropped_.size(), 2U);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(dropped_.next(), DropReason::closed);
    decision->proceed();  // too late, and harmless
}

}  // namespace
}  // namespace cryo::test
