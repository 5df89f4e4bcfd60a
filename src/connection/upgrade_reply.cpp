#include <utility>

#include <cryo/connection.h>

namespace cryo {

UpgradeReply& UpgradeReply::operator=(UpgradeReply&& other) noexcept {
    if (this != &other) {
        if (deliver_) refuse();
        deliver_ = std::move(other.deliver_);
    }
    return *this;
}

UpgradeReply::~UpgradeReply() {
    if (deliver_) refuse();
}

void UpgradeReply::accept(std::any user_data) {
    answer({.status = 101, .text = {}, .user_data = std::move(user_data)});
}

void UpgradeReply::refuse(HttpResponse response) {
    const bool is_refusal = response.status >= 400 && response.status <= 599;
    answer({.status = is_refusal ? response.status : 403,
            .text = std::move(response.body),
            .user_data = {},
            .headers = std::move(response.headers),
            .content_type = std::move(response.content_type)});
}

void UpgradeReply::answer(Verdict verdict) {
    if (auto deliver = std::move(deliver_)) deliver(std::move(verdict));
}

}  // namespace cryo
