#include "claim_rules.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "topic_list.h"

namespace cryo::auth {
namespace {

constexpr std::string_view kIdCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kIdLength = 32;
/// The last second that RFC 3339 can write.
constexpr std::chrono::sys_seconds kLastSecond{std::chrono::seconds(253'402'300'799)};

Error unusable(std::string message) { return {Errc::invalid_argument, std::move(message)}; }

Result<> check_length(std::string_view what, std::string_view field, const ClaimLimits& limits) {
    if (field.size() <= limits.max_field_bytes) return {};
    return unusable(
        fmt::format("the {} of the claim has {} bytes, use {} at most", what, field.size(), limits.max_field_bytes));
}

}  // namespace

std::string make_claim_id() {
    std::string id;
    id.reserve(kIdLength);
    std::array<unsigned char, 2 * kIdLength> random{};
    while (id.size() < kIdLength) {
        // Without randomness there is no id that would be safe to hand out.
        if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) throw std::bad_alloc();
        for (const unsigned char byte : random) {
            const std::size_t index = byte & 63;
            if (index < kIdCharacters.size() && id.size() < kIdLength) id += kIdCharacters[index];
        }
    }
    return id;
}

Result<Claim> complete_claim(Claim claim, const ClaimLimits& limits, std::chrono::sys_seconds now) {
    if (claim.user.empty()) return unusable("a claim needs a user");
    for (const auto& [what, field] : {std::pair("id", &claim.id), {"user", &claim.user}, {"session", &claim.session}}) {
        if (auto checked = check_length(what, *field, limits); !checked) return std::move(checked).error();
    }
    remove_repetitions(claim.topics);
    if (claim.topics.size() > limits.max_topics) {
        return unusable(fmt::format("the claim has {} topics, use {} at most", claim.topics.size(), limits.max_topics));
    }
    for (const auto& topic : claim.topics) {
        if (auto checked = check_topic(topic, limits); !checked) return std::move(checked).error();
    }
    if (claim.expires_at <= now) return unusable("the claim has expired already");
    if (claim.expires_at > kLastSecond) return unusable("the claim expires after the year 9999");
    if (claim.id.empty()) claim.id = make_claim_id();
    return claim;
}

Result<> check_topic(std::string_view topic, const ClaimLimits& limits) {
    if (topic.empty()) return unusable("a topic needs a name");
    if (topic.find(',') != std::string_view::npos) {
        return unusable(fmt::format("the topic '{}' has a comma, which separates topics", topic));
    }
    return check_length("topic", topic, limits);
}

bool is_meant(const Claim& claim, const ClaimTarget& target) {
    switch (target.kind) {
        case ClaimTarget::Kind::user:
            return claim.user == target.name;
        case ClaimTarget::Kind::session:
            return claim.user == target.name && !claim.session.empty() && claim.session == target.session;
        case ClaimTarget::Kind::topic:
            return std::find(claim.topics.begin(), claim.topics.end(), target.name) != claim.topics.end();
    }
    return false;
}

bool change_topics(std::vector<std::string>& topics, const std::string& topic, TopicChange change,
                   std::size_t max_topics) {
    const auto found = std::find(topics.begin(), topics.end(), topic);
    if (change == TopicChange::remove) {
        if (found == topics.end()) return false;
        topics.erase(found);
        return true;
    }
    if (found != topics.end() || topics.size() >= max_topics) return false;
    topics.push_back(topic);
    return true;
}

}  // namespace cryo::auth
