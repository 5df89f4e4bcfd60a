#include <utility>

#include <cryo/auth/claim_store.h>

#include "token_json.h"

namespace cryo::auth {
namespace {

std::string claims_of(const Claim& claim) {
    Json json{{"sub", claim.user}};
    if (!claim.session.empty()) json["sid"] = claim.session;
    json["channels"] = claim.topics;
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A reply that is destroyed refuses.
class ClaimValidator final : public ITokenValidator {
public:
    explicit ClaimValidator(std::shared_ptr<IClaimStore> store) : store_(std::move(store)) {}

    void validate(const AuthRequest& request, AuthReply reply) override {
        store_->redeem(request.token, [reply = std::move(reply)](Result<Claim> claim) mutable {
            if (claim) reply.accept({claim->user, claims_of(*claim)});
        });
    }

private:
    std::shared_ptr<IClaimStore> store_;
};

}  // namespace

std::shared_ptr<ITokenValidator> make_claim_validator(std::shared_ptr<IClaimStore> store) {
    return std::make_shared<ClaimValidator>(std::move(store));
}

}  // namespace cryo::auth
