#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <cryo/auth/token_expiry.h>
#include <cryo/loop.h>
#include <cryo/server.h>

#include "jwt_claims.h"
#include "wall_time.h"

namespace cryo::auth {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kRenew = "cryo:renew ", kRenewed = "cryo:renewed ", kRefused = "cryo:renew-refused ";
/// Longer waits are cut up, so that a clock that is set is noticed.
constexpr milliseconds kLongestWait{60'000};

/// What is known of one session.
struct Tracked {
    std::string user{}, session{};
    std::optional<std::chrono::sys_seconds> end{};
    std::unique_ptr<LoopTimer> timer{};  // none: nothing to wait for so far
    std::size_t refusals = 0;
};

/// The sessions of one loop; used on its thread only.
struct LoopSessions {
    LoopPtr loop{};
    bool stopped = false;
    std::unordered_map<const Session*, Tracked> tracked{};
};

class TokenExpiryExtension final : public TokenExpiry {
public:
    TokenExpiryExtension(std::shared_ptr<const JwtVerifier> verifier, TokenExpiryOptions options)
        : verifier_(std::move(verifier)), options_(std::move(options)) {}

    std::string_view name() const noexcept override { return "token_expiry"; }

    Result<> on_start(Server& server) override {
        loops_.clear();
        for (auto& loop : server.loops())
            loops_.push_back(std::make_shared<LoopSessions>(LoopSessions{std::move(loop)}));
        return {};
    }

    /// Timers have to go on their loops' threads.
    void on_stop(Server&, StopHold hold) override {
        const auto shared_hold = std::make_shared<StopHold>(std::move(hold));
        for (const auto& sessions : loops_) {
            sessions->loop->post([sessions, shared_hold] {
                sessions->stopped = true;
                sessions->tracked.clear();
            });
        }
    }

    void on_session_open(Session& session) override {
        LoopSessions* const here = sessions_here();
        if (!here || here->stopped) return;
        Tracked& tracked = here->tracked[&session];
        tracked.user = session.identity().user;
        if (auto claims = read_claims(session.identity().claims, verifier_->policy())) {
            tracked.session = std::move(claims->session);
            tracked.end = claims->refused_from;
        }
        wait_for_end(*here->loop, session, tracked);
    }

    void on_session_closed(Session& session, const CloseEvent&) override {
        if (LoopSessions* const here = sessions_here()) here->tracked.erase(&session);
    }

    Verdict on_receive_utf8(HookContext& context, Message& message) override {
        const std::string_view text = message.utf8();
        if (!text.starts_with(kRenew)) return Verdict::proceed;
        answer(context.session(), text.substr(kRenew.size()));
        return Verdict::drop;
    }

    Result<> renew(Session& session, std::string_view token) override {
        auto [here, tracked] = find(session);
        if (!tracked) return Error{Errc::not_found, "the session has ended, or is older than this extension"};
        auto claims = verifier_->verify(token, wall_time(options_.clock));
        if (!claims) return std::move(claims).error();
        if (claims->subject != tracked->user || (!tracked->session.empty() && claims->session != tracked->session)) {
            return Error{Errc::invalid_argument, std::string(kOtherUser)};
        }
        tracked->end = claims->refused_from;
        wait_for_end(*here->loop, session, *tracked);
        tell_renewed(*here->loop, session, *claims);
        return {};
    }

private:
    static constexpr std::string_view kOtherUser = "the token is of another user, or of another session of the user";

    /// Null on a thread that is no loop's.
    LoopSessions* sessions_here() const {
        const auto found = std::find_if(loops_.begin(), loops_.end(),
                                        [](const auto& sessions) { return sessions->loop->in_loop_thread(); });
        return found == loops_.end() ? nullptr : found->get();
    }

    std::pair<LoopSessions*, Tracked*> find(const Session& session) const {
        LoopSessions* const here = sessions_here();
        if (!here) return {};
        const auto found = here->tracked.find(&session);
        return {here, found == here->tracked.end() ? nullptr : &found->second};
    }

    /// What is thrown must not turn the client's message into one of the application: the loop gets to know of it
    /// afterwards.
    void tell_renewed(Loop& loop, Session& session, const JwtClaims& claims) const {
        if (!options_.on_renewed) return;
        try {
            options_.on_renewed(session, claims);
        } catch (...) {
            loop.post([thrown = std::current_exception()] { std::rethrow_exception(thrown); });
        }
    }

    void wait_for_end(Loop& loop, Session& session, Tracked& tracked) {
        if (!tracked.end) {
            if (tracked.timer) tracked.timer->cancel();
            return;
        }
        // The timer goes with the session's entry here: it never calls for a session, or an extension, that is gone.
        if (!tracked.timer) tracked.timer = loop.make_timer([this, &session] { on_timer(session); });
        const auto left = std::chrono::ceil<milliseconds>(*tracked.end - wall_time(options_.clock));
        tracked.timer->start(std::clamp(left, milliseconds(0), kLongestWait));
    }

    void on_timer(Session& session) {
        auto [here, tracked] = find(session);
        if (!tracked) return;
        if (tracked->end && wall_time(options_.clock) >= *tracked->end) {
            return session.close(options_.close_code, options_.reason);
        }
        wait_for_end(*here->loop, session, *tracked);
    }

    void answer(Session& session, std::string_view token) {
        const auto renewed = renew(session, token);
        // The application may have closed the session meanwhile.
        Tracked* const tracked = find(session).second;
        if (renewed) {
            const auto end = tracked ? tracked->end : std::nullopt;
            session.send_utf8(end ? fmt::format("{}{}", kRenewed, end->time_since_epoch().count())
                                  : fmt::format("{}never", kRenewed));
            return;
        }
        const Error& error = renewed.error();
        session.send_utf8(fmt::format("{}{}", kRefused,
                                      error.message == kOtherUser       ? "other user"
                                      : error.code == Errc::wrong_state ? "expired"
                                                                        : "invalid"));
        if (tracked && ++tracked->refusals > options_.max_refusals) {
            session.close(CloseCode::client_error, "token refused");
        }
    }

    const std::shared_ptr<const JwtVerifier> verifier_;
    const TokenExpiryOptions options_;
    std::vector<std::shared_ptr<LoopSessions>> loops_{};
};

}  // namespace

std::shared_ptr<TokenExpiry> TokenExpiry::create(std::shared_ptr<const JwtVerifier> verifier,
                                                 TokenExpiryOptions options) {
    return std::make_shared<TokenExpiryExtension>(std::move(verifier), std::move(options));
}

}  // namespace cryo::auth
