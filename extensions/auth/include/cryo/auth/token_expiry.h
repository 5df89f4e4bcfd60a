#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <cryo/auth/jwt.h>
#include <cryo/auth/wall_clock.h>
#include <cryo/export.h>
#include <cryo/extension.h>
#include <cryo/result.h>
#include <cryo/session.h>

namespace cryo::auth {

struct TokenExpiryOptions {
    /// A session ends with these. After the code 4001 deployed clients stay away, after 4000 they come back at once,
    /// with the same token.
    CloseCode close_code = CloseCode::client_error;
    std::string reason = "token expired";
    /// A session that sends more tokens than this that are refused is closed with the code 4001, `token refused`.
    std::size_t max_refusals = 8;
    WallClock clock{};
    /// A session got a new token; on its loop. `Session::identity` stays what it was when the session opened. The
    /// renewal counts whatever this throws, which is told to `Server::on_error`.
    std::function<void(Session&, const JwtClaims&)> on_renewed{};
};

/// Ends Cryo sessions when the JWT that opened them is no longer accepted, and lets them renew it before that.
///
/// A client renews with a text message: `cryo:renew ` and the new token. It is answered with `cryo:renewed ` and the
/// Unix time in seconds from which on that one is refused (`never` for a token without an end), or with
/// `cryo:renew-refused ` and one of `invalid`, `expired`, `other user`. Neither the application nor extensions
/// registered later see it. The new token must be of the same `sub`, and `sid` if there was one; a refused one leaves
/// the session as it was.
///
/// Works with `make_jwt_validator`, or any validator whose `Identity::claims` are the payload of an accepted token.
/// Sessions whose claims have no end, or are no JSON object, do not expire.
/// Thread safety: as `IExtension`. Accuracy: the session ends within a second of the token, later when the loop is
/// busy, never before; a clock that is set takes effect within a minute.
class CRYO_API TokenExpiry : public IExtension {
public:
    static std::shared_ptr<TokenExpiry> create(std::shared_ptr<const JwtVerifier> verifier,
                                               TokenExpiryOptions options = {});

    /// What the client's message does, for tokens that come another way. On the session's loop.
    /// Errors: as `JwtVerifier::verify`; `invalid_argument` for another user's; `not_found` when the session has ended,
    /// was opened before this extension was registered, or has another loop.
    virtual Result<> renew(Session& session, std::string_view token) = 0;
};

}  // namespace cryo::auth
