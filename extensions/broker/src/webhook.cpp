#include "webhook.h"

#include <chrono>
#include <functional>
#include <initializer_list>
#include <utility>

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cryo/session_id.h>

#include "log.h"

namespace cryo::broker {
namespace {

bool is_plain(char c) noexcept {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

/// Ids may hold anything; a header's value may not.
std::string percent_encode(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        if (is_plain(c)) {
            encoded += c;
        } else {
            encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return encoded;
}

std::string lane_of(std::string_view connection, std::size_t lanes) {
    return std::to_string(std::hash<std::string_view>{}(connection) % lanes);
}

}  // namespace

std::string sign(std::string_view secret, std::string_view head, std::string_view body) {
    std::string signed_text(head);
    signed_text += body;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), digest, &length);
    std::string hex;
    for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

Webhook::Webhook(std::shared_ptr<const BrokerOptions> options, std::shared_ptr<Counters> counters)
    : options_(std::move(options)),
      counters_(std::move(counters)),
      sender_({.max_queued = options_->webhook.max_queued,
               .max_queued_bytes = options_->webhook.max_queued_bytes,
               .use_proxy = true}) {}

void Webhook::forward(const ClientMessage& message) {
    const auto& webhook = options_->webhook;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::pair<std::string_view, std::string> fields[] = {
        {"Cryo-Timestamp", std::to_string(now.time_since_epoch().count())},
        {"Cryo-Message-Id", SessionId::random().to_string()},
        {"Cryo-Connection", percent_encode(message.connection)},
        {"Cryo-User", percent_encode(message.user)},
        {"Cryo-Session", percent_encode(message.session)}};

    HttpPost post{.url = webhook.url,
                  .body = std::string(as_text(message.payload)),
                  .timeout = webhook.timeout,
                  .attempts = webhook.max_attempts,
                  .lane = lane_of(message.connection, webhook.lanes)};
    std::string head;
    for (const auto& [name, value] : fields) {
        // A header without a value needs a semicolon to be sent.
        post.headers.push_back(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
        head += value + '\n';
    }
    post.headers.emplace_back(message.kind == MessageKind::text ? "Content-Type: text/plain; charset=utf-8"
                                                                : "Content-Type: application/octet-stream");
    if (!webhook.secret.empty()) {
        post.headers.push_back("Cryo-Signature: sha256=" + sign(webhook.secret, head, post.body));
    }
    sender_.post(std::move(post), [logger = options_->logger, counters = counters_](const HttpOutcome& outcome) {
        if (outcome.ok()) return count(counters->webhook_delivered);
        count(counters->webhook_dropped);
        log(logger, LogLevel::warning,
            outcome.error.empty() ? fmt::format("the webhook answered status={}", outcome.status)
                                  : fmt::format("the webhook was not reached: {}", outcome.error));
    });
}

}  // namespace cryo::broker
