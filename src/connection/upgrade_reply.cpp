#include <utility>

#include <cryo/connection.h>

namespace cryo {

UpgradeReply& UpgradeReply::operator=(UpgradeReply&& other) noexcept {
    if (this != &other) {
        answer({.status = 403, .text = "forbidden"});
        deliver_ = std::move(other.deliver_);
    }
    return *this;
}

UpgradeReply::~UpgradeReply() { answer({.status = 403, .text = "forbidden"}); }

void UpgradeReply::answer(Verdict verdict) {
    if (auto deliver = std::move(deliver_)) deliver(std::move(verdict));
}

}  // namespace cryo
