#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hub_fakes.h"

namespace cryo::test {

using hub::Attachment;
using hub::Audience;
using hub::HubOptions;
using hub::Outcome;
using hub::Scope;
using hub::SubscriberPtr;
using hub::Target;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// A hub on two loops that run when the test says so. The test's own thread is none of them.
class HubTest : public ::testing::Test {
protected:
    /// A receiver and its place in the hub.
    struct Peer {
        std::shared_ptr<FakeReceiver> receiver;
        SubscriberPtr subscriber;

        std::vector<std::string>& got() const { return receiver->got; }
        std::vector<std::string> take() const { return std::exchange(receiver->got, {}); }
    };

    void SetUp() override { start(); }
    void TearDown() override {
        if (hub_) hub_->on_unregister(server_);
        run_all();
    }

    void start(const HubOptions& options = {}, std::shared_ptr<hub::IRelay> relay = {}) {
        if (hub_) hub_->on_unregister(server_);
        run_all();
        hub_ = hub::Hub::create(options).value();
        if (relay) {
            ASSERT_TRUE(hub_->set_relay(std::move(relay)));
        }
        ASSERT_TRUE(hub_->on_start(server_));
    }

    FakeLoop& loop(std::size_t index) { return *server_.fakes[index]; }
    void run_all() {
        while (loop(0).run() + loop(1).run() > 0) {
        }
    }

    Peer attach(std::size_t index, Attachment attachment = {}) {
        auto receiver = std::make_shared<FakeReceiver>();
        auto subscriber = loop(index).on([&] { return hub_->attach(receiver, std::move(attachment)); });
        EXPECT_TRUE(subscriber) << (subscriber ? "" : subscriber.error().message);
        return {std::move(receiver), subscriber ? *subscriber : nullptr};
    }
    Peer attach(std::size_t index, std::initializer_list<std::string> topics) {
        return attach(index, Attachment{.topics = topics});
    }

    void publish(Audience audience, std::string_view text) {
        hub_->publish(std::move(audience), PreparedMessage::text(text));
    }
    /// From this thread, until it is done.
    Outcome publish_and_count(Audience audience, std::string_view text) {
        std::optional<Outcome> outcome;
        hub_->publish(std::move(audience), PreparedMessage::text(text), [&](Outcome told) { outcome = told; });
        run_all();
        EXPECT_TRUE(outcome);
        return outcome.value_or(Outcome{});
    }

    LoopsOnlyServer server_{2};
    std::shared_ptr<hub::Hub> hub_{};
};

}  // namespace cryo::test
