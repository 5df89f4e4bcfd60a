#include <algorithm>
#include <string>

#include <fmt/core.h>

#include <cryo/broker/options.h>

#include "parameters.h"

namespace cryo::broker {
namespace {

class Problems {
public:
    void add(std::string_view problem) {
        if (!text_.empty()) text_ += '\n';
        text_ += problem;
    }
    void add_if(bool wrong, std::string_view problem) {
        if (wrong) add(problem);
    }
    Result<> result() && {
        if (text_.empty()) return {};
        return Error{Errc::invalid_option, std::move(text_)};
    }

private:
    std::string text_;
};

bool is_prefix(const std::string& prefix) noexcept {
    return prefix.empty() || (prefix.starts_with('/') && !prefix.ends_with('/') &&
                              prefix.find_first_of(":*?#% ") == prefix.npos && prefix.find("//") == prefix.npos);
}

void check_channels(const std::vector<std::string>& channels, Problems& problems) {
    for (const auto& channel : channels) {
        if (channel.empty() || channel.find(',') != channel.npos || problem_of(channel)) {
            problems.add(fmt::format("default_channels cannot have \"{}\"", channel));
        }
    }
}

void check_direct(const BrokerOptions& options, Problems& problems) {
    if (options.messaging != Messaging::direct) return;
    problems.add_if(!options.redis, "messaging_method cannot be direct without redis_host");
    problems.add_if(options.direct.secret.empty() && !options.direct.allow_unauthenticated,
                    "direct_message_secret is needed with messaging_method direct: without one, whoever reaches a "
                    "worker can send to everybody (or say direct_message_open = true)");
}

void check_webhook(const WebhookOptions& webhook, Problems& problems) {
    if (webhook.url.empty()) return;
    problems.add_if(!webhook.url.starts_with("http://") && !webhook.url.starts_with("https://"),
                    "webhook_url must begin with http:// or https://");
    problems.add_if(webhook.timeout.count() <= 0, "the timeout of the webhook must be positive");
    problems.add_if(webhook.max_attempts == 0 || webhook.max_attempts > 100, "the webhook's attempts must be 1 to 100");
    problems.add_if(webhook.lanes == 0 || webhook.lanes > 256, "the webhook's lanes must be 1 to 256");
}

}  // namespace

Result<> BrokerOptions::validate() const {
    using namespace std::chrono_literals;
    Problems problems;
    problems.add_if(role != Role::both && !redis,
                    "role must be both without redis_host: a process that is alone is both");
    problems.add_if(role != Role::worker && token.empty() && !allow_open_api,
                    "token is needed: without one, anybody may call the API (or say allow_open_api = true)");
    problems.add_if(!is_prefix(prefix),
                    fmt::format("prefix cannot be \"{}\": it begins with /, and does not end so", prefix));
    problems.add_if(ttl < 10ms || ttl > 24h, "ttl_duration must be 10 ms to 24 h");
    problems.add_if(confirm_timeout < 10ms || confirm_timeout > 30s, "the time to confirm must be 10 ms to 30 s");
    problems.add_if(max_claim_channels == 0 || max_claim_channels > 100'000,
                    "the most channels of a claim must be 1 to 100000");
    check_channels(default_channels, problems);
    check_direct(*this, problems);
    check_webhook(webhook, problems);
    if (redis) {
        if (auto valid = redis->validate(); !valid) problems.add(valid.error().message);
    }
    return std::move(problems).result();
}

}  // namespace cryo::broker
