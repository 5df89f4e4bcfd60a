#include <thread>
#include <vector>

#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerSend : public EveryDeployment {};

TEST_P(BrokerSend, ReachesAUser) {
    const auto user = unique("user"), other = unique("user");
    auto first = broker().join("user=" + user + "&session=1");
    auto second = broker().join("user=" + user);
    auto stranger = broker().join("user=" + other);
    EXPECT_EQ(broker().post("/send?type=text&user=" + user, "hello"), kSuccess);
    EXPECT_EQ(first.text(), "hello");
    EXPECT_EQ(second.text(), "hello");
    EXPECT_TRUE(got_nothing(stranger, other));
}

TEST_P(BrokerSend, ReachesASessionOfAUserOnly) {
    const auto user = unique("user"), other = unique("user");
    auto meant = broker().join("user=" + user + "&session=1");
    auto second = broker().join("user=" + user + "&session=2");
    auto without = broker().join("user=" + user);
    auto namesake = broker().join("user=" + other + "&session=1");
    EXPECT_EQ(broker().post("/send?type=text&session=1&user=" + user, "hello"), kSuccess);
    EXPECT_EQ(meant.text(), "hello");
    EXPECT_TRUE(got_nothing(second, user));
    EXPECT_TRUE(got_nothing(without, user));
    EXPECT_TRUE(got_nothing(namesake, other));
}

TEST_P(BrokerSend, ReachesAChannel) {
    const auto user = unique("user"), channel = unique("channel");
    auto member = broker().join("user=" + user + "&session=1&channels=" + channel);
    auto second = broker().join("user=" + unique("user") + "&channels=x," + channel);
    auto other = broker().join("user=" + user);
    EXPECT_EQ(broker().post("/send?type=text&channel=" + channel, "hello"), kSuccess);
    EXPECT_EQ(member.text(), "hello");
    EXPECT_EQ(second.text(), "hello");
    EXPECT_TRUE(got_nothing(other, user));

    broker().post("/send?type=text&session=1&channel=" + channel, "of the session");
    EXPECT_EQ(member.text(), "of the session");
    broker().post("/send?type=text&channel=" + channel, "last");
    EXPECT_EQ(second.text(), "last");
}

TEST_P(BrokerSend, ReachesAConnection) {
    const auto user = unique("user");
    auto first = broker().join("user=" + user);
    const auto id = id_of(user);
    auto second = broker().join("user=" + user);
    EXPECT_EQ(broker().post("/send?type=text&id=" + id, "hello"), kSuccess);
    EXPECT_EQ(first.text(), "hello");
    EXPECT_TRUE(got_nothing(second, user));
}

TEST_P(BrokerSend, GoesByIdThenChannelThenUser) {
    const auto user = unique("user"), other = unique("user"), channel = unique("channel");
    auto one = broker().join("user=" + user + "&channels=" + channel);
    auto two = broker().join("user=" + other);
    const auto target = "&id=" + id_of(other) + "&channel=" + channel + "&user=" + user;
    broker().post("/send?type=text" + target, "by id");
    EXPECT_EQ(two.text(), "by id");
    broker().post("/send?type=text&channel=" + channel + "&user=" + other, "by channel");
    EXPECT_EQ(one.text(), "by channel");
    EXPECT_TRUE(got_nothing(two, other));
}

TEST_P(BrokerSend, KeepsEveryByte) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user);
    std::string bytes;
    for (int i = 0; i < 3'000'000; ++i) bytes += static_cast<char>(i * 7);
    EXPECT_EQ(broker().post("/send?type=binary&user=" + user, bytes), kSuccess);
    EXPECT_EQ(client.binary(), bytes);
    broker().post("/send?type=2&user=" + user, "");
    EXPECT_EQ(client.binary(), "");
    broker().post("/send?type=1&user=" + user, "");
    EXPECT_EQ(client.text(), "");
    broker().post("/send?type=text&user=" + user, "a=b&type=binary");
    EXPECT_EQ(client.text(), "a=b&type=binary");
}

TEST_P(BrokerSend, IsRefusedWithDsocksCodes) {
    const auto code = [&](const std::string& query, std::string_view body = {}) {
        const auto answer = broker().ask("POST", "/send?" + query, body);
        EXPECT_EQ(answer.status, 400);
        return Json::parse(answer.body)["errorCode"].get<std::string>();
    };
    EXPECT_EQ(code("type=text"), "MISSING_TARGET");
    EXPECT_EQ(code("type=text&session=s"), "MISSING_TARGET");
    EXPECT_EQ(code("type=wrong"), "MISSING_TARGET");
    EXPECT_EQ(code("user=u"), "INVALID_MESSAGE_TYPE");
    EXPECT_EQ(code("user=u&type=Text"), "INVALID_MESSAGE_TYPE");
    EXPECT_EQ(code("user=u&type=text", "\xff"), "INVALID_TEXT");
    EXPECT_EQ(code("type=text&user=" + std::string(2'000, 'u')), "INVALID_PARAMETER");
}

TEST_P(BrokerSend, ToNobodySucceeds) {
    EXPECT_EQ(broker().post("/send?type=text&user=" + unique("nobody"), "x"), kSuccess);
    EXPECT_EQ(broker().post("/send?type=text&id=no-uuid", "x"), kSuccess);
    EXPECT_EQ(broker().post("/send?type=text&channel=" + unique("empty"), "x"), kSuccess);
}

TEST_P(BrokerSend, ReportsWhomItReached) {
    const auto user = unique("user");
    auto first = broker().join("user=" + user);
    auto second = broker().join("user=" + user);
    EXPECT_EQ(broker().post("/send?type=text&report=true&user=" + user, "x"),
              Json::parse(R"({"success":true,"connections":2,"complete":true})"));
    EXPECT_EQ(broker().post("/send?type=text&report=true&user=" + unique("nobody"), "x"),
              Json::parse(R"({"success":true,"connections":0,"complete":true})"));
}

/// Each of several callers sends one after the other: every receiver has each one's messages in order.
TEST_P(BrokerSend, KeepsOrderAmongConcurrentCallers) {
    constexpr int kCallers = 4, kEach = 50;
    const auto user = unique("user"), channel = unique("channel");
    auto client = broker().join("user=" + user + "&channels=" + channel);
    std::vector<std::thread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
        callers.emplace_back([&, caller] {
            HttpClient http(broker().api().port());
            for (int i = 0; i < kEach; ++i) {
                const auto body = std::to_string(caller) + ' ' + std::to_string(i);
                const auto target = i % 2 ? "user=" + user : "channel=" + channel;
                http.ask("POST /send?type=text&token=a+token&" + target +
                         " HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
            }
        });
    }
    std::vector<int> next(kCallers);
    for (int i = 0; i < kCallers * kEach; ++i) {
        const auto text = client.text();
        const auto caller = static_cast<std::size_t>(text.at(0) - '0');
        ASSERT_EQ(std::stoi(text.substr(2)), next.at(caller)++) << text;
    }
    for (auto& caller : callers) caller.join();
}

/// One request after the other, each on another connection, which other threads of the API serve.
TEST_P(BrokerSend, KeepsTheOrderOfOneCallerOnSeveralConnections) {
    constexpr int kConnections = 4, kMessages = 100;
    const auto user = unique("user"), channel = unique("channel");
    auto client = broker().join("user=" + user + "&channels=" + channel);
    const std::string targets[] = {"user=" + user, "channel=" + channel, "id=" + id_of(user)};
    std::vector<HttpClient> connections;
    for (int i = 0; i < kConnections; ++i) connections.emplace_back(broker().api().port());
    for (std::size_t i = 0; i < kMessages; ++i) {
        const auto body = std::to_string(i);
        const auto answer = connections[i % kConnections].ask(
            "POST /send?type=text&token=a+token&" + targets[i % std::size(targets)] +
            " HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        ASSERT_TRUE(answer && answer->status == 200);
    }
    for (int i = 0; i < kMessages; ++i) ASSERT_EQ(client.text(), std::to_string(i));
}

/// Requests in one go on one connection are sent in their order.
TEST_P(BrokerSend, KeepsTheOrderOfPipelinedRequests) {
    const auto user = unique("user");
    auto client = broker().join("user=" + user);
    HttpClient http(broker().api().port());
    std::string requests;
    for (int i = 0; i < 100; ++i) {
        const auto body = std::to_string(i);
        requests += "POST /send?type=text&token=a+token&user=" + user +
                    " HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
    http.send(requests);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(client.text(), std::to_string(i));
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerSend);

}  // namespace
}  // namespace cryo::test
