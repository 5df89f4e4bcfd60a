#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <cryo/export.h>
#include <cryo/http.h>
#include <cryo/session_id.h>
#include <cryo/unique_function.h>
#include <cryo/worker_pool.h>

namespace cryo {

/// Who a token stands for, as far as the validator knows. Kept on the session.
struct Identity {
    std::string user{};    ///< The application's user id; empty: none.
    std::string claims{};  ///< The application's own, for example the JSON of a JWT's payload.

    bool operator==(const Identity&) const = default;
};

/// Answer to one token: exactly once, now or later, from any thread. Destroyed unanswered: refused.
/// Answers after the client has gone, or after `auth_timeout`, are ignored.
class CRYO_API AuthReply {
public:
    explicit AuthReply(UniqueFunction<void(std::optional<Identity>)> deliver) noexcept : deliver_(std::move(deliver)) {}
    AuthReply(AuthReply&&) noexcept = default;
    AuthReply& operator=(AuthReply&&) noexcept;
    ~AuthReply();

    void accept(Identity identity = {});
    void refuse();

private:
    UniqueFunction<void(std::optional<Identity>)> deliver_;
};

/// What a client presents.
struct AuthRequest {
    std::string_view token;  ///< Without `Bearer `. A secret: compare in constant time, never log.
    SessionId session_id;
    const HttpRequest& http;  ///< Path, query, headers, origin, remote address.
};

/// Decides who may open a Cryo session.
///
/// Thread safety: `validate` is called on every loop, at the same time; it must not block (see
/// `make_blocking_validator`). Lifetime: shared with the server. `request` is valid until `validate` returns. Errors: a
/// refusal, a throw, no answer within `ServerOptions::auth_timeout`: HTTP 401 before the upgrade.
class CRYO_API ITokenValidator {
public:
    virtual ~ITokenValidator() = default;
    virtual void validate(const AuthRequest& request, AuthReply reply) = 0;
};

/// A validator from a quick function that says yes or no.
CRYO_API std::shared_ptr<ITokenValidator> make_validator(std::function<bool(std::string_view token)> check);

/// A validator from a function that may block (a database, another service); it runs on the pool. When the pool's queue
/// is full the token is refused.
CRYO_API std::shared_ptr<ITokenValidator> make_blocking_validator(
    std::shared_ptr<WorkerPool> pool, std::function<std::optional<Identity>(const std::string& token)> check);

/// Whether two secrets are the same, in a time that depends on nothing but their lengths.
CRYO_API bool constant_time_equal(std::string_view a, std::string_view b) noexcept;

}  // namespace cryo
