#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <cryo/hub/hub.h>

#include "integration/endpoint_fixture.h"

namespace cryo::test {

using hub::Attachment;
using hub::Audience;
using hub::HubOptions;
using hub::Outcome;
using hub::Scope;
using hub::SubscriberPtr;
using hub::Target;

inline const SubscriberPtr& subscriber_of(Connection& connection) {
    return std::any_cast<const SubscriberPtr&>(connection.user_data());
}

/// A server on two loops with a hub and one endpoint, `/ws?id=&user=&session=&topic=`, whose connections are attached.
class HubServer : public ::testing::Test {
protected:
    struct Peer {
        WsClient client;
        ConnectionPtr connection;

        SubscriberPtr subscriber() const { return subscriber_of(*connection); }
        std::string next() { return client.next(kText).value_or("nothing"); }
    };

    static ServerOptions two_loops(ServerOptions options = TestServer::quick_options()) {
        options.threads = 2;
        return options;
    }

    void start(const ServerOptions& options = two_loops(), WebSocketHandlers handlers = {},
               std::shared_ptr<hub::IRelay> relay = {}) {
        hub_ = hub::Hub::create(hub_options_).value();
        if (relay) {
            ASSERT_TRUE(hub_->set_relay(std::move(relay)));
        }
        server_.emplace(options);
        ASSERT_TRUE((*server_)->register_extension(hub_));
        handlers.admit = [this](const HttpRequest& request, UpgradeReply reply) { admit(request, std::move(reply)); };
        handlers.open = [](Connection& connection) { ASSERT_TRUE(subscriber_of(connection)->bind(connection)); };
        ASSERT_TRUE((*server_)->websocket("/ws", events_.handlers(std::move(handlers))));
        server_->start();
    }

    /// Reserves first, so that a client that is connected is subscribed, whatever thread publishes.
    void admit(const HttpRequest& request, UpgradeReply reply) {
        const auto query = [&](std::string_view name) { return request.query(name).value_or(std::string()); };
        Attachment attachment{.id = query("id"), .user = query("user"), .session = query("session")};
        if (auto topic = query("topic"); !topic.empty()) attachment.topics.push_back(std::move(topic));
        auto subscriber = hub_->reserve(std::move(attachment));
        if (!subscriber) return reply.refuse(409, subscriber.error().message);
        (*subscriber)->settle([subscriber = *subscriber, reply = std::move(reply)]() mutable {
            reply.accept(std::move(subscriber));
        });
    }

    Peer join(const std::string& query = {}, int receive_buffer = 0) {
        WsClient client(server_->port(), "/ws?" + query, {}, {.timeout = kPatience, .receive_buffer = receive_buffer});
        EXPECT_TRUE(client.connected()) << client.answer().body;
        return {std::move(client), events_.opened.next().value()};
    }

    std::size_t loop_of(Connection& connection) {
        return on_loop(connection, [&] {
            for (const auto& loop : (*server_)->loops()) {
                if (loop->in_loop_thread()) return loop->index();
            }
            return std::size_t{99};
        });
    }
    /// Clients until each loop has so many of them.
    std::vector<Peer> join_on_both_loops(std::size_t each, const std::string& query = {}) {
        std::vector<Peer> peers;
        std::size_t count[2]{};
        while (std::min(count[0], count[1]) < each) {
            peers.push_back(join(query));
            ++count[loop_of(*peers.back().connection)];
        }
        return peers;
    }

    void publish(Audience audience, std::string_view text) {
        hub_->publish(std::move(audience), PreparedMessage::text(text));
    }
    Outcome publish_and_wait(Audience audience, std::string_view text) {
        return wait([&](hub::OutcomeHandler done) {
            hub_->publish(std::move(audience), PreparedMessage::text(text), std::move(done));
        });
    }
    template <class Call>
    static Outcome wait(Call&& call) {
        const auto told = std::make_shared<Inbox<Outcome>>();
        call([told](Outcome outcome) { told->push(outcome); });
        return told->next().value_or(Outcome{0, false});
    }
    hub::Listing list(Audience audience) {
        const auto told = std::make_shared<Inbox<hub::Listing>>();
        hub_->list(std::move(audience), [told](hub::Listing listing) { told->push(std::move(listing)); });
        return told->next().value_or(hub::Listing{.complete = false});
    }

    HubOptions hub_options_{};
    EndpointEvents events_;
    std::shared_ptr<hub::Hub> hub_{};
    std::optional<TestServer> server_;
};

}  // namespace cryo::test
