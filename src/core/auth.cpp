#include <utility>

#include <openssl/crypto.h>

#include <cryo/auth.h>

#include "core/secret_text.h"

namespace cryo {
namespace {

/// Refusals need no code here: a reply that is destroyed, by a `no`, a full pool or a throw, refuses.
class QuickValidator final : public ITokenValidator {
public:
    explicit QuickValidator(std::function<bool(std::string_view)> check) : check_(std::move(check)) {}

    void validate(const AuthRequest& request, AuthReply reply) override {
        if (check_(request.token)) reply.accept();
    }

private:
    std::function<bool(std::string_view)> check_;
};

class BlockingValidator final : public ITokenValidator {
public:
    using Check = std::function<std::optional<Identity>(const std::string&)>;

    BlockingValidator(std::shared_ptr<WorkerPool> pool, Check check)
        : pool_(std::move(pool)), check_(std::make_shared<Check>(std::move(check))) {}

    void validate(const AuthRequest& request, AuthReply reply) override {
        // The task shares `check`: the pool may outlive this validator.
        pool_->submit([check = check_, token = SecretText(request.token), reply = std::move(reply)]() mutable {
            if (auto identity = (*check)(token.text())) reply.accept(std::move(*identity));
        });
    }

private:
    std::shared_ptr<WorkerPool> pool_;
    std::shared_ptr<Check> check_;
};

}  // namespace

AuthReply& AuthReply::operator=(AuthReply&& other) noexcept {
    if (this != &other) {
        refuse();
        deliver_ = std::move(other.deliver_);
    }
    return *this;
}

AuthReply::~AuthReply() { refuse(); }

void AuthReply::accept(Identity identity) {
    if (auto deliver = std::exchange(deliver_, nullptr)) deliver(std::move(identity));
}

void AuthReply::refuse() {
    if (auto deliver = std::exchange(deliver_, nullptr)) deliver(std::nullopt);
}

std::shared_ptr<ITokenValidator> make_validator(std::function<bool(std::string_view token)> check) {
    return std::make_shared<QuickValidator>(std::move(check));
}

std::shared_ptr<ITokenValidator> make_blocking_validator(
    std::shared_ptr<WorkerPool> pool, std::function<std::optional<Identity>(const std::string& token)> check) {
    return std::make_shared<BlockingValidator>(std::move(pool), std::move(check));
}

bool constant_time_equal(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace cryo
