#include "websocket/handshake.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cryo::websocket {
namespace {

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
using Verdict = UpgradeRequest::Verdict;

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

UpgradeRequest request(const Headers& headers) {
    UpgradeRequest request;
    for (const auto& [name, value] : headers) request.add_header(name, value);
    return request;
}

Verdict verdict_with(std::string_view connection, std::string_view upgrade, std::string_view key,
                     std::string_view version) {
    return request({{"Host", "example.com"},
                    {"Connection", connection},
                    {"Upgrade", upgrade},
                    {"Sec-WebSocket-Key", key},
                    {"Sec-WebSocket-Version", version}})
        .verdict();
}

TEST(Handshake, AcceptsTheRequestOfTheRfc) {
    EXPECT_EQ(verdict_with("Upgrade", "websocket", kKey, "13"), Verdict::accepted);
}

TEST(Handshake, ReadsNamesAndTokensInAnyCaseAndPlace) {
    EXPECT_EQ(verdict_with("keep-alive, uPGRADE", "WebSocket", kKey, " 13 "), Verdict::accepted);
    EXPECT_EQ(verdict_with("keep-alive ,, Upgrade,", "h2c, websocket", kKey, "13"), Verdict::accepted);
    EXPECT_EQ(request({{"connection", "keep-alive"},
                       {"CONNECTION", "upgrade"},
                       {"upgrade", "websocket"},
                       {"sec-websocket-key", kKey},
                       {"SEC-WEBSOCKET-VERSION", "13"}})
                  .verdict(),
              Verdict::accepted);
}

TEST(Handshake, IsAnOrdinaryRequestWithoutBothTokens) {
    EXPECT_FALSE(request({{"Connection", "keep-alive"}, {"Upgrade", "websocket"}}).is_upgrade());
    EXPECT_FALSE(request({{"Connection", "Upgrade"}, {"Upgrade", "h2c"}}).is_upgrade());
    EXPECT_FALSE(request({{"Connection", "Upgrade"}}).is_upgrade());
    EXPECT_FALSE(request({{"Connection", "Upgrades"}, {"Upgrade", "websocket"}}).is_upgrade());
    EXPECT_FALSE(request({{"Connection", "not upgrade"}, {"Upgrade", "websocket"}}).is_upgrade());
    EXPECT_EQ(verdict_with("close", "websocket", kKey, "13"), Verdict::bad_request);
}

TEST(Handshake, KeyIsSixteenBytesInBase64) {
    for (const std::string_view key :
         {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===",
          "dGhlIHNhbXBsZSBub25jZWE=", "dGhlIHNhbXBsZSBub25j-Q==", "dGhlIHNhbXBsZSBub25j Q=="}) {
        EXPECT_EQ(verdict_with("Upgrade", "websocket", key, "13"), Verdict::bad_request) << key;
    }
}

TEST(Handshake, OnlyVersion13IsSpoken) {
    for (const std::string_view version : {"", "8", "12", "14", "013", "13, 8", "x"}) {
        EXPECT_EQ(verdict_with("Upgrade", "websocket", kKey, version), Verdict::unsupported_version) << version;
    }
    EXPECT_EQ(request({{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-WebSocket-Key", kKey}}).verdict(),
              Verdict::unsupported_version);
}

TEST(Handshake, RefusesRepeatedKeysAndVersions) {
    for (const auto& repeated : Headers{{"Sec-WebSocket-Key", kKey}, {"Sec-WebSocket-Version", "13"}}) {
        EXPECT_EQ(request({{"Connection", "Upgrade"},
                           {"Upgrade", "websocket"},
                           {"Sec-WebSocket-Key", kKey},
                           {"Sec-WebSocket-Version", "13"},
                           repeated})
                      .verdict(),
                  Verdict::bad_request);
    }
}

TEST(Handshake, ChoosesTheServersFavouriteAmongTheSubprotocolsOffered) {
    const std::vector<std::string> supported = {"v2.cryo", "v1.cryo"};
    const auto chosen = [&](const Headers& headers) {
        return std::string(request(headers).choose_subprotocol(supported));
    };
    EXPECT_EQ(chosen({}), "");
    EXPECT_EQ(chosen({{"Sec-WebSocket-Protocol", "chat"}}), "");
    EXPECT_EQ(chosen({{"Sec-WebSocket-Protocol", "chat, v1.cryo,v2.cryo"}}), "v2.cryo");
    EXPECT_EQ(chosen({{"Sec-WebSocket-Protocol", "chat"}, {"sec-websocket-protocol", "v1.cryo"}}), "v1.cryo");
    EXPECT_EQ(chosen({{"Sec-WebSocket-Protocol", "V1.CRYO"}}), "");
    EXPECT_EQ(chosen({{"Sec-WebSocket-Protocol", "chat v1.cryo"}}), "");
}

TEST(Handshake, AcceptKeyIsThatOfTheRfc) { EXPECT_EQ(accept_key(kKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); }

TEST(Handshake, ResponseHasWhatWasAgreedOn) {
    EXPECT_EQ(format_upgrade_response(kKey, "", ""),
              "HTTP/1.1 101 Switching Protocols\r\n"
              "Upgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
              "\r\n");
    EXPECT_EQ(format_upgrade_response(kKey, "chat", "permessage-deflate"),
              "HTTP/1.1 101 Switching Protocols\r\n"
              "Upgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
              "Sec-WebSocket-Protocol: chat\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate\r\n"
              "\r\n");
}

}  // namespace
}  // namespace cryo::websocket
