#include "http/trusted_proxies.h"

#include <gtest/gtest.h>

namespace cryo::http {
namespace {

std::string client(const std::vector<std::string>& trusted, std::string_view peer,
                   const std::vector<std::string_view>& forwarded_for) {
    const auto proxies = TrustedProxies::parse(trusted);
    EXPECT_TRUE(proxies);
    std::vector<HttpHeaderView> headers{{"Host", "a"}};
    for (const auto value : forwarded_for) headers.push_back({"x-forwarded-FOR", value});
    return proxies.value().client_address(peer, headers);
}

TEST(TrustedProxies, BelievesNobodyByDefault) {
    EXPECT_EQ(client({}, "10.0.0.1", {"1.2.3.4"}), "10.0.0.1");
    EXPECT_EQ(TrustedProxies().client_address("10.0.0.1", {}), "10.0.0.1");
}

TEST(TrustedProxies, WalksBackToTheFirstUntrustedHop) {
    const std::vector<std::string> trusted{"10.0.0.0/8", "::1"};
    EXPECT_EQ(client(trusted, "10.0.0.1", {"1.2.3.4"}), "1.2.3.4");
    EXPECT_EQ(client(trusted, "10.0.0.1", {"6.6.6.6, 1.2.3.4"}), "1.2.3.4");
    EXPECT_EQ(client(trusted, "10.0.0.1", {"6.6.6.6, 1.2.3.4 ,10.9.9.9,\t::1"}), "1.2.3.4");
    EXPECT_EQ(client(trusted, "11.0.0.1", {"1.2.3.4"}), "11.0.0.1");
    EXPECT_EQ(client(trusted, "10.0.0.1", {"10.0.0.3, 10.0.0.2"}), "10.0.0.3");
    EXPECT_EQ(client(trusted, "10.0.0.1", {}), "10.0.0.1");
    EXPECT_EQ(client(trusted, "10.0.0.1", {""}), "10.0.0.1");
}

TEST(TrustedProxies, ReadsRepeatedHeadersAsOneList) {
    EXPECT_EQ(client({"10.0.0.0/8"}, "10.0.0.1", {"6.6.6.6", "1.2.3.4"}), "1.2.3.4");
    EXPECT_EQ(client({"10.0.0.0/8"}, "10.0.0.1", {"6.6.6.6, 1.2.3.4", "", "10.0.0.2"}), "1.2.3.4");
}

TEST(TrustedProxies, StopsAtMalformedEntries) {
    for (const auto* bad :
         {"unknown", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 5", ":::", "[::1", "_x", "",
          "fe80::1%eth0", "1.2.3.4/8", "123456789012345678901234567890123456789012345678901234567890"}) {
        EXPECT_EQ(client({"10.0.0.0/8"}, "10.0.0.1", {"6.6.6.6, " + std::string(bad) + ",10.0.0.2"}), "10.0.0.2")
            << bad;
    }
}

TEST(TrustedProxies, UnderstandsEntriesWithPorts) {
    EXPECT_EQ(client({"::1"}, "::1", {"192.0.2.1:4711"}), "192.0.2.1");
    EXPECT_EQ(client({"::1"}, "::1", {"[2001:DB8::1]:4711"}), "2001:db8::1");
    EXPECT_EQ(client({"::1"}, "::1", {"[2001:db8::1]"}), "2001:db8::1");
}

TEST(TrustedProxies, TreatsMappedAddressesAsIpv4) {
    EXPECT_EQ(client({"10.0.0.0/8"}, "::ffff:10.0.0.1", {"1.2.3.4"}), "1.2.3.4");
    EXPECT_EQ(client({"::ffff:10.0.0.0/104"}, "10.0.0.1", {"::ffff:1.2.3.4"}), "1.2.3.4");
    EXPECT_EQ(client({}, "::ffff:1.2.3.4", {}), "1.2.3.4");
}

TEST(TrustedProxies, ComparesPrefixesBitByBit) {
    const auto trusts = [](const std::string& block, std::string_view peer) {
        return client({block}, peer, {"9.9.9.9"}) == "9.9.9.9";
    };
    EXPECT_TRUE(trusts("192.168.1.128/25", "192.168.1.255"));
    EXPECT_FALSE(trusts("192.168.1.128/25", "192.168.1.127"));
    EXPECT_TRUE(trusts("192.168.1.77/24", "192.168.1.1"));
    EXPECT_TRUE(trusts("192.168.1.1/32", "192.168.1.1"));
    EXPECT_FALSE(trusts("192.168.1.1/32", "192.168.1.0"));
    EXPECT_TRUE(trusts("0.0.0.0/0", "255.1.2.3"));
    EXPECT_FALSE(trusts("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(trusts("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(trusts("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(trusts("::/0", "2001:db8::1"));
    EXPECT_FALSE(trusts("10.0.0.1", "10.0.0.2"));
}

TEST(TrustedProxies, NamesTheEntryThatIsWrong) {
    for (const auto* bad : {"", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8",
                            "::/129", "/8", "10.0.0.0/ 8", " 10.0.0.1", "10.0.0.0/8/8"}) {
        const auto proxies = TrustedProxies::parse({"::1", bad});
        ASSERT_FALSE(proxies) << bad;
        EXPECT_EQ(proxies.error().code, Errc::invalid_argument);
        EXPECT_NE(proxies.error().message.find("'" + std::string(bad) + "'"), std::string::npos);
    }
}

TEST(TrustedProxies, LeavesUnknownPeersAlone) {
    EXPECT_EQ(client({"::/0"}, "fe80::1%eth0", {"1.2.3.4"}), "fe80::1%eth0");
}

}  // namespace
}  // namespace cryo::http
