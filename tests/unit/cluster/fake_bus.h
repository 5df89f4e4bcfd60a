#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/cluster/node_bus.h>

namespace cryo::cluster {

/// Notes what it is asked for, and lets the test say when a subscription is in effect.
class FakePort final : public IBusPort {
public:
    struct Message {
        std::string topic;
        std::vector<std::byte> payload;
    };
    struct Question {
        std::vector<std::byte> payload;
        UniqueFunction<void(Answers)> done;
    };

    SendStatus publish(std::string_view topic, Bytes payload) override {
        published.push_back({std::string(topic), {payload.begin(), payload.end()}});
        return answer;
    }
    SendStatus send(std::string_view, Bytes) override { return SendStatus::sent; }
    void ask(Bytes question, AskOptions, UniqueFunction<void(Answers)> done) override {
        asked.push_back({{question.begin(), question.end()}, std::move(done)});
    }
    void subscribe(std::string_view topic, UniqueFunction<void(Result<>)> done) override {
        topics.emplace(topic);
        waiting.push_back(std::move(done));
    }
    void unsubscribe(std::string_view topic) override { topics.erase(std::string(topic)); }
    void close() override {}

    std::set<std::string> topics;
    std::vector<UniqueFunction<void(Result<>)>> waiting;
    std::vector<Message> published;
    std::vector<Question> asked;
    SendStatus answer = SendStatus::sent;
};

/// A bus to nowhere, with one port: the test carries what is published.
class FakeBus final : public INodeBus {
public:
    Result<> start(const LoopPtr&) override { return {}; }
    void stop(UniqueFunction<void()>) override {}
    Result<std::shared_ptr<IBusPort>> open(std::string_view, PortHandlers opened_with) override {
        handlers = std::move(opened_with);
        return std::shared_ptr<IBusPort>(port);
    }
    NodeId self() const override { return {"fake", 1}; }
    std::vector<NodeId> members() const override { return {}; }
    Health health() const noexcept override { return Health::connected; }
    BusStats stats() const override { return {}; }

    PortHandlers handlers{};
    const std::shared_ptr<FakePort> port = std::make_shared<FakePort>();
};

}  // namespace cryo::cluster
