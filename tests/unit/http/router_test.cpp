#include "http/router.h"

#include <algorithm>
#include <ostream>

#include <gtest/gtest.h>

namespace cryo {

static std::ostream& operator<<(std::ostream& out, const HttpParam& param) {
    return out << param.name << '=' << param.value;
}

namespace http {
namespace {

using Params = std::vector<HttpParam>;

Router<int> make_router(const std::vector<std::pair<std::string, std::string>>& routes) {
    Router<int> router;
    int payload = 0;
    for (const auto& [method, pattern] : routes) {
        const auto added = router.add(method, pattern, payload++);
        EXPECT_TRUE(added) << pattern << ": " << (added ? "" : added.error().message);
    }
    return router;
}

int payload_of(const Router<int>& router, std::string_view method, std::string_view path) {
    const auto match = router.match(method, path);
    return match.payload ? *match.payload : -1;
}

TEST(Router, MatchesLiteralPaths) {
    const auto router = make_router({{"GET", "/"}, {"GET", "/a/b"}, {"GET", "/a/b/"}, {"POST", "/a/b"}});
    EXPECT_EQ(payload_of(router, "GET", "/"), 0);
    EXPECT_EQ(payload_of(router, "GET", "/a/b"), 1);
    EXPECT_EQ(payload_of(router, "GET", "/a/b/"), 2);
    EXPECT_EQ(payload_of(router, "POST", "/a/b"), 3);
    EXPECT_EQ(payload_of(router, "GET", "/a/%62"), 1);
    for (const auto* path : {"", "a/b", "/a", "/a/", "/a/B", "//a/b", "/a//b", "/a/b/c", "/a%2fb", "/a/b//", "*"}) {
        EXPECT_EQ(payload_of(router, "GET", path), -1) << path;
    }
}

TEST(Router, CapturesSegmentsDecoded) {
    const auto router = make_router({{"GET", "/channel/:name/user/:user_id"}});
    const auto match = router.match("GET", "/channel/a%2Fb%20c/user/+7");
    ASSERT_EQ(match.status, RouteStatus::found);
    EXPECT_EQ(match.params, (Params{{"name", "a/b c"}, {"user_id", "+7"}}));
    EXPECT_EQ(router.match("GET", "/channel//user/7").status, RouteStatus::not_found);
    EXPECT_EQ(router.match("GET", "/channel/a/b/user/7").status, RouteStatus::not_found);
}

TEST(Router, WildcardTakesTheRestUndecoded) {
    const auto router = make_router({{"GET", "/files/*"}});
    EXPECT_EQ(router.match("GET", "/files/a/b%20c/").params, (Params{{"*", "a/b%20c/"}}));
    EXPECT_EQ(router.match("GET", "/files/").params, (Params{{"*", ""}}));
    EXPECT_EQ(router.match("GET", "/files").status, RouteStatus::not_found);
}

TEST(Router, NeverMatchesDotSegments) {
    const auto router = make_router({{"GET", "/*"}, {"GET", "/a/:x"}});
    for (const auto* path : {"/.", "/..", "/a/..", "/a/%2e%2E", "/a/.%2e/b", "/a/./b"}) {
        EXPECT_EQ(payload_of(router, "GET", path), -1) << path;
    }
    EXPECT_EQ(payload_of(router, "GET", "/a/..."), 1);
}

TEST(Router, PrefersTheMoreSpecificRouteInAnyOrderOfAdding) {
    std::vector<std::pair<std::string, std::string>> routes{
        {"GET", "/*"}, {"GET", "/:a/x"}, {"GET", "/u/:b"}, {"GET", "/u/me"}, {"GET", "/u/*"}};
    std::sort(routes.begin(), routes.end());
    do {
        const auto router = make_router(routes);
        const auto pattern_of = [&](std::string_view path) {
            return routes.at(static_cast<std::size_t>(payload_of(router, "GET", path))).second;
        };
        EXPECT_EQ(pattern_of("/u/me"), "/u/me");
        EXPECT_EQ(pattern_of("/u/x"), "/u/:b");
        EXPECT_EQ(pattern_of("/u/me/x"), "/u/*");
        EXPECT_EQ(pattern_of("/v/x"), "/:a/x");
        EXPECT_EQ(pattern_of("/v/y"), "/*");
    } while (std::next_permutation(routes.begin(), routes.end()));
}

TEST(Router, LooksForTheMethodBeyondTheMostSpecificRoute) {
    const auto router = make_router({{"GET", "/u/me"}, {"POST", "/u/:id"}});
    EXPECT_EQ(payload_of(router, "POST", "/u/me"), 1);
}

TEST(Router, AnswersHeadWithGetUnlessItHasARouteOfItsOwn) {
    const auto router = make_router({{"GET", "/a"}, {"GET", "/b"}, {"HEAD", "/b"}, {"POST", "/c"}});
    EXPECT_EQ(payload_of(router, "HEAD", "/a"), 0);
    EXPECT_EQ(payload_of(router, "HEAD", "/b"), 2);
    EXPECT_EQ(router.match("HEAD", "/c").status, RouteStatus::method_not_allowed);
}

TEST(Router, ListsTheMethodsOfAPath) {
    const auto router = make_router({{"GET", "/a"}, {"PUT", "/:x"}, {"POST", "/b"}, {"OPTIONS", "/c"}});
    const auto refused = router.match("DELETE", "/a");
    EXPECT_EQ(refused.status, RouteStatus::method_not_allowed);
    EXPECT_EQ(refused.allow, "GET, HEAD, OPTIONS, PUT");
    EXPECT_EQ(refused.payload, nullptr);
    EXPECT_EQ(router.match("get", "/a").status, RouteStatus::method_not_allowed);

    const auto options = router.match("OPTIONS", "/b");
    EXPECT_EQ(options.status, RouteStatus::options);
    EXPECT_EQ(options.allow, "OPTIONS, POST, PUT");
    EXPECT_EQ(router.match("OPTIONS", "*").allow, "GET, HEAD, OPTIONS, POST, PUT");
    EXPECT_EQ(payload_of(router, "OPTIONS", "/c"), 3);
    EXPECT_EQ(router.match("HEAD", "*").status, RouteStatus::method_not_allowed);
    EXPECT_EQ(router.match("OPTIONS", "/a/b").status, RouteStatus::not_found);
}

TEST(Router, TakesAnyMethodWhereItIsTold) {
    const auto router = make_router({{"*", "/a"}, {"POST", "/a"}, {"GET", "/:x"}, {"*", "/b/*"}, {"GET", "/b/c"}});
    EXPECT_EQ(payload_of(router, "POST", "/a"), 1);
    EXPECT_EQ(payload_of(router, "GET", "/a"), 0) << "the more specific pattern";
    EXPECT_EQ(payload_of(router, "HEAD", "/a"), 0);
    EXPECT_EQ(payload_of(router, "OPTIONS", "/a"), 0);
    EXPECT_EQ(payload_of(router, "BREW", "/a"), 0);
    EXPECT_EQ(payload_of(router, "HEAD", "/b/c"), 4);
    EXPECT_EQ(payload_of(router, "PUT", "/b/c"), 3);
    EXPECT_EQ(router.match("PUT", "/b/c/d").params, (Params{{"*", "c/d"}}));
    EXPECT_EQ(router.match("PUT", "/c").status, RouteStatus::method_not_allowed);
    EXPECT_EQ(router.match("OPTIONS", "*").allow, "GET, HEAD, OPTIONS, POST");
}

TEST(Router, OfOnePatternTheVeryMethodComesFirstInAnyOrderOfAdding) {
    std::vector<std::pair<std::string, std::string>> routes{{"*", "/*"}, {"GET", "/*"}, {"*", "/a"}, {"HEAD", "/a"}};
    std::sort(routes.begin(), routes.end());
    do {
        const auto router = make_router(routes);
        const auto route_of = [&](std::string_view method, std::string_view path) {
            const auto& route = routes.at(static_cast<std::size_t>(payload_of(router, method, path)));
            return route.first + " " + route.second;
        };
        EXPECT_EQ(route_of("GET", "/b"), "GET /*");
        EXPECT_EQ(route_of("HEAD", "/b"), "GET /*");
        EXPECT_EQ(route_of("PUT", "/b"), "* /*");
        EXPECT_EQ(route_of("HEAD", "/a"), "HEAD /a");
        EXPECT_EQ(route_of("GET", "/a"), "* /a");
    } while (std::next_permutation(routes.begin(), routes.end()));
}

TEST(Router, FallsBackToTheRouteOfEverything) {
    auto router = make_router({{"GET", "/a"}, {"*", "/*"}});
    EXPECT_EQ(payload_of(router, "GET", "/a"), 0);
    EXPECT_EQ(payload_of(router, "HEAD", "/a"), 0);
    for (const auto* method : {"POST", "OPTIONS", "BREW", "*"}) EXPECT_EQ(payload_of(router, method, "/a"), 1);
    for (const auto* path : {"/", "/b", "/a/", "/a/b", "//"}) EXPECT_EQ(payload_of(router, "GET", path), 1) << path;
    EXPECT_EQ(router.match("GET", "/a/..").status, RouteStatus::not_found);
    EXPECT_EQ(router.add("*", "/*", 2).error().code, Errc::duplicate);
}

TEST(Router, RefusesMalformedPatterns) {
    Router<int> router;
    for (const auto* bad : {"", "a", "*", ":a", "/a//b", "//", "/:", "/:1", "/:a-b", "/:a:b", "/:a/:a", "/*/a", "/a*",
                            "/a%20", "/a?b", "/a#b", "/..", "/a/./b", "/a\n"}) {
        const auto added = router.add("GET", bad, 1);
        ASSERT_FALSE(added) << bad;
        EXPECT_EQ(added.error().code, Errc::invalid_argument);
        EXPECT_NE(added.error().message.find("'" + std::string(bad) + "'"), std::string::npos) << added.error().message;
    }
    EXPECT_FALSE(router.add("", "/a", 1));
    EXPECT_FALSE(router.add("G T", "/a", 1));
}

TEST(Router, RefusesRoutesItCouldNotTellApart) {
    auto router = make_router({{"GET", "/a/:x"}});
    const auto added = router.add("GET", "/a/:y", 2);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, Errc::duplicate);
    EXPECT_NE(added.error().message.find("GET /a/:y"), std::string::npos);
    EXPECT_TRUE(router.add("POST", "/a/:y", 2));
    EXPECT_EQ(router.match("POST", "/a/1").params, (Params{{"y", "1"}}));
    EXPECT_EQ(payload_of(router, "GET", "/a/1"), 0);
}

TEST(Router, BoundsTheSegmentsOfAPath) {
    const auto router = make_router({{"GET", "/*"}});
    std::string path;
    for (int i = 0; i < 64; ++i) path += "/a";
    EXPECT_EQ(payload_of(router, "GET", path), 0);
    EXPECT_EQ(payload_of(router, "GET", path + "/a"), -1);
}

}  // namespace
}  // namespace http
}  // namespace cryo
