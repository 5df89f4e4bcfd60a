#include "every_deployment.h"

namespace cryo::test {
namespace {

class BrokerUpgrade : public EveryDeployment {
protected:
    /// A request to upgrade, with its lines of these names taken out.
    static std::string upgrade_without(const std::string& query, std::initializer_list<std::string_view> names) {
        auto request = WsClient::request("/connect?" + query);
        for (const auto name : names) {
            const auto line = request.find("\r\n" + std::string(name) + ": ");
            request.erase(line, request.find("\r\n", line + 2) - line);
        }
        return request;
    }
    HttpAnswer ask(const std::string& request) {
        return HttpClient(broker().worker().port()).ask(request).value_or(HttpAnswer{});
    }
};

/// dSock refuses all of these with 400. Whatever is wrong, the claim is good for another attempt.
TEST_P(BrokerUpgrade, ThatIsMalformedIsRefusedAndRedeemsNothing) {
    const auto user = unique("user");
    const auto claim = broker().claim("user=" + user);
    const auto query = "claim=" + claim;
    const auto with = [&](const std::string& name, const std::string& value) {
        auto request = upgrade_without(query, {name});
        return request.insert(request.size() - 2, name + ": " + value + "\r\n");
    };
    const struct {
        const char* about;
        std::string request;
        int status;
        const char* version;  ///< That the answer names.
    } rows[] = {
        {"no upgrade at all", upgrade_without(query, {"Upgrade", "Connection"}), 400, "13"},
        {"no Upgrade", upgrade_without(query, {"Upgrade"}), 400, "13"},
        {"another protocol", with("Upgrade", "h2c"), 400, "13"},
        {"no Connection", upgrade_without(query, {"Connection"}), 400, ""},
        {"no version", upgrade_without(query, {"Sec-WebSocket-Version"}), 426, "13"},
        {"another version", with("Sec-WebSocket-Version", "8"), 426, "13"},
        {"no key", upgrade_without(query, {"Sec-WebSocket-Key"}), 400, ""},
        {"a key that is none", with("Sec-WebSocket-Key", "short"), 400, ""},
        {"a POST", "POST" + WsClient::request("/connect?" + query).substr(3), 400, ""},
        {"a plain POST",
         "POST /connect?" + query +
             " HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer a token\r\nContent-Length: 0\r\n\r\n",
         404, ""},
    };
    for (const auto& row : rows) {
        const auto answer = ask(row.request);
        EXPECT_EQ(answer.status, row.status) << row.about;
        EXPECT_EQ(answer.header("Sec-WebSocket-Version"), row.version) << row.about;
        EXPECT_TRUE(answer.header("Content-Type").starts_with("text/plain")) << row.about;
    }
    EXPECT_EQ(broker().info("user=" + user)["connections"], Json::array());
    EXPECT_TRUE(broker().connect(query).connected());
}

TEST_P(BrokerUpgrade, ThatIsMissingIsToldAfterWhatIsWrongWithTheCredentials) {
    const auto code = [&](const std::string& query) {
        const auto answer = ask(upgrade_without(query, {"Upgrade"}));
        EXPECT_EQ(answer.status, 400);
        return Json::parse(answer.body, nullptr, false).value("errorCode", "(none)");
    };
    EXPECT_EQ(code(""), "MISSING_AUTHENTICATION");
    EXPECT_EQ(code("claim=wrong"), "MISSING_CLAIM");
    EXPECT_EQ(code("jwt=wrong"), "INVALID_JWT");
}

CRYO_IN_EVERY_DEPLOYMENT(BrokerUpgrade);

}  // namespace
}  // namespace cryo::test
