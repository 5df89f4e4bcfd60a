#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cryo/auth.h>
#include <cryo/auth/wall_clock.h>
#include <cryo/export.h>
#include <cryo/logging.h>
#include <cryo/result.h>

namespace cryo::auth {

/// How a token is signed (RFC 7518, 3.1). `none` is none of them.
enum class JwtAlgorithm : std::uint8_t { hs256, hs384, hs512, rs256, rs384, rs512, es256, es384, es512 };

/// The name in a token's header, such as `HS256`.
CRYO_API std::string_view to_string(JwtAlgorithm algorithm) noexcept;

/// A key that checks signatures, bound to what it is for: a secret to HS256, HS384 and HS512, an RSA key to the RS
/// ones, a key on P-256, P-384 or P-521 to ES256, ES384 or ES512. A public key is never taken for a secret.
///
/// A value; copies share the bytes, which are wiped when the last copy goes. Thread safety: immutable.
class CRYO_API JwtKey {
public:
    struct Data;

    /// @param id the `kid` of tokens signed with it; empty: see `JwtVerifier`
    /// @param min_bytes a shorter secret is refused. RFC 7518 asks for 32 bytes at least: lower it only for secrets
    /// that
    ///        are in use already
    static Result<JwtKey> secret(std::string_view secret, std::string id = {}, std::size_t min_bytes = 32);

    /// @param pem `-----BEGIN PUBLIC KEY-----`; RSA with 2,048 bits or more, or one of the three curves
    static Result<JwtKey> public_key(std::string_view pem, std::string id = {});

    const std::string& id() const noexcept;
    bool fits(JwtAlgorithm algorithm) const noexcept;

    const Data& data() const noexcept { return *data_; }

private:
    explicit JwtKey(std::shared_ptr<const Data> data) noexcept : data_(std::move(data)) {}

    std::shared_ptr<const Data> data_;
};

/// How a token is read where RFC 7519 and programs that are in use disagree.
enum class JwtReading : std::uint8_t {
    /// As the RFCs say: names are what they are, `aud` is a string or an array of strings, times may have a fraction,
    /// the
    /// second of `exp` is past it, a token with `crit` is refused, there is no padding.
    rfc7519,
    /// As jwt-go 3 reads its standard claims (dSock does): names in any case, `aud` is one string, times are integers,
    /// a
    /// time of 0 is none, the second of `exp` still counts, `crit` is ignored, `=` may pad each part.
    jwt_go,
};

/// What a token must be like, beside well signed. An aggregate: name what differs from the defaults.
struct JwtPolicy {
    std::vector<JwtAlgorithm> algorithms{};  ///< Those allowed; at least one.
    std::chrono::seconds leeway{30};         ///< How far clocks may be apart, for exp, nbf and iat; 0 to 10 minutes.
    std::vector<std::string> issuers{};      ///< `iss` must be one of these. Empty: any, or none.
    std::vector<std::string> audiences{};    ///< `aud` must name one of these. Empty: any, or none.
    std::vector<std::string> required{};     ///< Names of claims that must be there, and neither null nor empty.

    /// Refuses tokens that never end: without `exp` and, if `lifetime_without_exp` is set, without `iat` too.
    bool require_end = true;
    /// A token with `iat` but no `exp` ends so long after `iat`. None: `iat` says nothing about the end.
    std::optional<std::chrono::seconds> lifetime_without_exp{};

    std::size_t max_token_bytes = 8u << 10;  ///< Up to 64 kB.
    int max_depth = 16;                      ///< Of arrays and objects in header and payload, the outermost included.
    JwtReading reading = JwtReading::rfc7519;
};

/// What an accepted token says. A value type.
///
/// Names that are null count as absent, and what is absent is empty here. `sub`, `sid`, `iss` and `jti` that are no
/// strings, and `channels` that are no array of strings, are a reason to refuse the token.
struct JwtClaims {
    std::string subject{};              ///< `sub`: the user.
    std::string session{};              ///< `sid`
    std::vector<std::string> topics{};  ///< `channels`, without empty ones and repetitions.
    std::string issuer{};               ///< `iss`
    std::vector<std::string> audience{};
    std::string id{};  ///< `jti`
    std::optional<std::chrono::sys_seconds> expires_at{}, not_before{}, issued_at{};
    /// From here on the token is refused: its end and the leeway. None: it never ends.
    std::optional<std::chrono::sys_seconds> refused_from{};

    JwtAlgorithm algorithm{};
    std::string key_id{};  ///< `kid` of the header.
    std::string json{};    ///< The payload as it was signed: a JSON object, no name twice.

    bool operator==(const JwtClaims&) const = default;
};

/// Checks JSON Web Tokens in compact form (RFC 7515, 7519): signature by libjwt, everything else by `JwtPolicy`.
///
/// Keys: a token with a `kid` that a key has is checked with that key only; any other token with the keys that have no
/// id. A header that is not exactly one of the allowed algorithms, or that no key of that `kid` fits, is refused before
/// any signature is computed. `typ` must be `JWT` in any case, or absent: tokens made for another purpose are refused.
///
/// Thread safety: any thread, no call waits for another's work. Lifetime: shared by whoever uses it.
/// @code
///   auto key = JwtKey::public_key(pem, "2026-01");
///   auto verifier = JwtVerifier::create({.algorithms = {JwtAlgorithm::es256}, .audiences = {"chat"}}, {*key});
///   auto server = Server::create(options, make_jwt_validator(*verifier));
/// @endcode
class CRYO_API JwtVerifier {
public:
    static constexpr std::size_t kMaxKeys = 64;
    static constexpr std::size_t kMaxKeysOfOneId = 4;  ///< As many signatures one token can cost.

    /// Errors: `invalid_option` names each problem of the policy; `set_keys` tells of those of the keys.
    static Result<std::shared_ptr<JwtVerifier>> create(JwtPolicy policy, std::vector<JwtKey> keys);

    virtual ~JwtVerifier() = default;

    /// What the token says, when it is to be accepted at this time.
    /// Errors: `wrong_state`: well signed, but expired or not valid yet; `invalid_argument`: everything else. The
    /// message, for the log, has nothing of the token in it.
    virtual Result<JwtClaims> verify(
        std::string_view token, std::chrono::system_clock::time_point now = std::chrono::system_clock::now()) const = 0;

    /// Replaces all keys at once; calls of `verify` that have begun use the old ones. None: every token is refused.
    /// Errors, and the old ones stay: `invalid_argument` when a key fits no allowed algorithm, or there are too many.
    virtual Result<> set_keys(std::vector<JwtKey> keys) = 0;

    virtual const JwtPolicy& policy() const noexcept = 0;
};

/// Admits sessions by JWT: the token's subject becomes `Identity::user`, its payload `Identity::claims`. A token
/// without a subject is refused.
/// @param logger null, or where to say at `debug` why tokens are refused
CRYO_API std::shared_ptr<ITokenValidator> make_jwt_validator(std::shared_ptr<const JwtVerifier> verifier,
                                                             WallClock clock = {},
                                                             std::shared_ptr<ILogger> logger = {});

}  // namespace cryo::auth
