// Sessions that end with their tokens, on a real server, with the deployed client's protocol.

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <cryo/auth/jwt.h>
#include <cryo/auth/token_expiry.h>

#include "integration/session_fixture.h"
#include "support/jwt_signer.h"

namespace cryo::test {
namespace {

using auth::JwtAlgorithm;
using auth::JwtClaims;
using auth::JwtVerifier;
using auth::TokenExpiry;
using auth::TokenExpiryOptions;
using std::chrono::seconds;
using std::chrono::sys_seconds;

/// A time of day that stands still until it is moved.
class TestClock {
public:
    sys_seconds now() const { return sys_seconds(seconds(seconds_->load())); }
    void advance(seconds by) { *seconds_ += by.count(); }
    auth::WallClock clock() const {
        return [seconds = seconds_] { return sys_seconds(std::chrono::seconds(seconds->load())); };
    }

private:
    std::shared_ptr<std::atomic<std::int64_t>> seconds_ = std::make_shared<std::atomic<std::int64_t>>(1'700'000'000);
};

class TokenExpiryTest : public ::testing::Test {
protected:
    void start(TokenExpiryOptions options = {}, unsigned threads = 1) {
        options.clock = clock_.clock();
        expiry_ = TokenExpiry::create(verifier_, std::move(options));
        auto server_options = TestServer::quick_options();
        server_options.threads = threads;
        server_ = std::make_unique<CryoServer>(server_options, echo, make_jwt_validator(verifier_, clock_.clock()));
        ASSERT_TRUE((*server_)->register_extension(expiry_));
        (*server_)->on_error([this](const Error& error) { errors_.push(error.message); });
        server_->start();
    }

    /// A token that ends so many seconds from now.
    std::string token(int lifetime, const std::string& user = "ann", const std::string& more = "") const {
        const auto end = clock_.now().time_since_epoch().count() + lifetime;
        return signer_.sign(JwtAlgorithm::hs256,
                            R"({"sub":")" + user + R"(","exp":)" + std::to_string(end) + more + "}");
    }
    std::string time_in(int lifetime) const {
        return std::to_string(clock_.now().time_since_epoch().count() + lifetime);
    }

    std::shared_ptr<CryoClient> connect_with(std::string token) {
        return connect(*server_, {.token = std::move(token)});
    }

    /// What the server answers to a renewal.
    static std::string renew(CryoClient& client, const std::string& token) {
        return client.echo("cryo:renew " + token).value_or("no answer");
    }

    TestClock clock_;
    JwtSigner signer_ = JwtSigner::with_secret("0123456789abcdef0123456789abcdef");
    std::shared_ptr<JwtVerifier> verifier_ =
        JwtVerifier::create({.algorithms = {JwtAlgorithm::hs256}, .leeway = seconds(0)}, {signer_.key()}).value();
    std::shared_ptr<TokenExpiry> expiry_;
    Inbox<std::string> errors_;
    std::unique_ptr<CryoServer> server_;
};

TEST_F(TokenExpiryTest, EndsASessionWithItsToken) {
    start();
    const auto client = connect_with(token(1));
    ASSERT_EQ(client->echo("hello"), "hello");
    clock_.advance(seconds(1));
    EXPECT_EQ(client->close_code(), 4001);
    EXPECT_EQ(client->close_reason(), "token expired");
    EXPECT_EQ(server_->next_end(), (Ended{4001, "token expired", false}));
}

TEST_F(TokenExpiryTest, EndsItAsTheOptionsSay) {
    start({.close_code = CloseCode::graceful, .reason = "come back"});
    const auto client = connect_with(token(1));
    ASSERT_TRUE(client->open());
    clock_.advance(seconds(5));
    EXPECT_EQ(client->close_code(), 4000);
    EXPECT_EQ(client->close_reason(), "come back");
}

TEST_F(TokenExpiryTest, NeverEndsItBefore) {
    start();
    const auto client = connect_with(token(1));
    const auto other = connect_with(token(1));
    ASSERT_EQ(client->echo("hello"), "hello");
    // By the loop's own clock the second passes, but not by the time of day.
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(1'300)) {
        ASSERT_EQ(client->echo("still here"), "still here");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    clock_.advance(seconds(1));
    EXPECT_EQ(client->close_code(), 4001);
    EXPECT_EQ(other->close_code(), 4001);
}

TEST_F(TokenExpiryTest, AClientRenewsInBand) {
    Inbox<JwtClaims> renewed;
    start({.on_renewed = [&](Session& session, const JwtClaims& claims) {
        EXPECT_EQ(session.identity().user, "ann");
        renewed.push(claims);
    }});
    const auto client = connect_with(token(1));
    ASSERT_TRUE(client->open());
    EXPECT_EQ(renew(*client, token(600, "ann", R"(,"role":"admin")")), "cryo:renewed " + time_in(600));
    const auto claims = renewed.next();
    ASSERT_TRUE(claims);
    EXPECT_NE(claims->json.find("admin"), std::string::npos);

    clock_.advance(seconds(599));
    EXPECT_EQ(client->echo("still here"), "still here");
    EXPECT_EQ(renew(*client, token(2)), "cryo:renewed " + time_in(2));
    clock_.advance(seconds(2));
    EXPECT_EQ(client->close_code(), 4001) << "the latest token counts, not the longest";
}

TEST_F(TokenExpiryTest, ARenewalCountsWhateverTheHandlerThrows) {
    start({.on_renewed = [](Session&, const JwtClaims&) { throw std::runtime_error("no room in the ledger"); }});
    const auto client = connect_with(token(1));
    ASSERT_TRUE(client->open());
    EXPECT_EQ(renew(*client, token(600)), "cryo:renewed " + time_in(600)) << "not echoed by the application";
    EXPECT_NE(errors_.next().value_or("").find("no room in the ledger"), std::string::npos);
    clock_.advance(seconds(599));
    EXPECT_EQ(client->echo("still here"), "still here");
}

TEST_F(TokenExpiryTest, ARenewalIsNoMessageOfTheApplication) {
    start();
    const auto client = connect_with(token(600));
    ASSERT_TRUE(client->open());
    EXPECT_EQ(renew(*client, token(600)), "cryo:renewed " + time_in(600));
    EXPECT_EQ(client->echo("cryo:renewal"), "cryo:renewal") << "not the prefix";
    EXPECT_EQ(client->echo(" cryo:renew x"), " cryo:renew x");
}

TEST_F(TokenExpiryTest, RefusesBadTokensAndKeepsTheOldOne) {
    start();
    const auto client = connect_with(token(3));
    ASSERT_TRUE(client->open());
    EXPECT_EQ(renew(*client, ""), "cryo:renew-refused invalid");
    EXPECT_EQ(renew(*client, "garbage"), "cryo:renew-refused invalid");
    EXPECT_EQ(renew(*client, JwtSigner::with_secret("other").sign(JwtAlgorithm::hs256, "{}")),
              "cryo:renew-refused invalid");
    EXPECT_EQ(renew(*client, token(0)), "cryo:renew-refused expired");
    EXPECT_EQ(renew(*client, token(600, "bob")), "cryo:renew-refused other user");
    clock_.advance(seconds(3));
    EXPECT_EQ(client->close_code(), 4001);
    EXPECT_EQ(client->close_reason(), "token expired");
}

TEST_F(TokenExpiryTest, KeepsToTheSessionOfTheUser) {
    start();
    const auto client = connect_with(token(600, "ann", R"(,"sid":"s1")"));
    ASSERT_TRUE(client->open());
    EXPECT_EQ(renew(*client, token(600, "ann", R"(,"sid":"s2")")), "cryo:renew-refused other user");
    EXPECT_EQ(renew(*client, token(600, "ann")), "cryo:renew-refused other user");
    EXPECT_EQ(renew(*client, token(600, "ann", R"(,"sid":"s1")")), "cryo:renewed " + time_in(600));
}

TEST_F(TokenExpiryTest, TooManyRefusedTokensEndTheSession) {
    start({.max_refusals = 2});
    const auto client = connect_with(token(600));
    ASSERT_TRUE(client->open());
    EXPECT_EQ(renew(*client, "1"), "cryo:renew-refused invalid");
    EXPECT_EQ(renew(*client, "2"), "cryo:renew-refused invalid");
    EXPECT_EQ(renew(*client, "3"), "cryo:renew-refused invalid");
    EXPECT_EQ(client->close_code(), 4001);
    EXPECT_EQ(client->close_reason(), "token refused");
}

TEST_F(TokenExpiryTest, TheApplicationRenews) {
    start();
    const auto client = connect_with(token(1));
    ASSERT_TRUE(client->open());
    const auto session = server_->next_session();
    ASSERT_NE(session, nullptr);
    const auto renew_with = [&](const std::string& token) {
        return on_loop(*session, [&] { return expiry_->renew(*session, token); });
    };
    EXPECT_EQ(renew_with("garbage").error().code, Errc::invalid_argument);
    EXPECT_EQ(renew_with(token(0)).error().code, Errc::wrong_state);
    EXPECT_EQ(renew_with(token(600, "bob")).error().code, Errc::invalid_argument);
    ASSERT_TRUE(renew_with(token(600)));
    clock_.advance(seconds(300));
    EXPECT_EQ(client->echo("still here"), "still here");
    EXPECT_FALSE(expiry_->renew(*session, token(600))) << "only on the session's loop";
}

TEST_F(TokenExpiryTest, TokensWithoutAnEndNeverEndASession) {
    verifier_ = JwtVerifier::create({.algorithms = {JwtAlgorithm::hs256}, .leeway = seconds(0), .require_end = false},
                                    {signer_.key()})
                    .value();
    start();
    const std::string endless = signer_.sign(JwtAlgorithm::hs256, R"({"sub":"ann"})");
    const auto client = connect_with(endless);
    const auto renewed = connect_with(token(1));
    ASSERT_TRUE(client->open());
    ASSERT_TRUE(renewed->open());
    EXPECT_EQ(renew(*renewed, endless), "cryo:renewed never");
    EXPECT_EQ(renew(*client, token(1)), "cryo:renewed " + time_in(1));
    clock_.advance(seconds(100'000));
    EXPECT_EQ(client->close_code(), 4001);
    EXPECT_EQ(renewed->echo("still here"), "still here");
}

TEST_F(TokenExpiryTest, UnregisteredItLeavesSessionsAlone) {
    start({}, 2);
    std::vector<std::shared_ptr<CryoClient>> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(connect_with(token(1)));
        ASSERT_TRUE(clients.back()->open());
    }
    ASSERT_TRUE((*server_)->unregister_extension("token_expiry"));
    expiry_.reset();
    clock_.advance(seconds(600));
    std::this_thread::sleep_for(std::chrono::milliseconds(1'200));  // nothing may happen
    for (const auto& client : clients) EXPECT_EQ(client->echo("cryo:renew x"), "cryo:renew x");
}

TEST_F(TokenExpiryTest, TheServerStopsWhileTokensRun) {
    start({}, 2);
    std::vector<std::shared_ptr<CryoClient>> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(connect_with(token(1 + i)));
        ASSERT_TRUE(clients.back()->open());
    }
    (*server_)->stop();
    for (const auto& client : clients) EXPECT_EQ(client->close_code(), 4000);
    (*server_)->wait();
}

}  // namespace
}  // namespace cryo::test
