#include <utility>

#include <cryo/auth/jwt.h>

#include "wall_time.h"

namespace cryo::auth {
namespace {

/// A reply that is destroyed refuses.
class JwtValidator final : public ITokenValidator {
public:
    JwtValidator(std::shared_ptr<const JwtVerifier> verifier, WallClock clock, std::shared_ptr<ILogger> logger)
        : verifier_(std::move(verifier)), clock_(std::move(clock)), logger_(std::move(logger)) {}

    void validate(const AuthRequest& request, AuthReply reply) override {
        auto claims = verifier_->verify(request.token, wall_time(clock_));
        if (!claims) return log(claims.error().message);
        if (claims->subject.empty()) return log("the token was refused: it has no subject");
        reply.accept({std::move(claims->subject), std::move(claims->json)});
    }

private:
    void log(std::string_view message) {
        if (logger_) logger_->log(LogLevel::debug, "auth", message);
    }

    std::shared_ptr<const JwtVerifier> verifier_;
    WallClock clock_;
    std::shared_ptr<ILogger> logger_;
};

}  // namespace

std::shared_ptr<ITokenValidator> make_jwt_validator(std::shared_ptr<const JwtVerifier> verifier, WallClock clock,
                                                    std::shared_ptr<ILogger> logger) {
    return std::make_shared<JwtValidator>(std::move(verifier), std::move(clock), std::move(logger));
}

}  // namespace cryo::auth
