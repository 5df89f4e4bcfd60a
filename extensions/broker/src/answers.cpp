#include "answers.h"

#include <array>
#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <cryo/session_id.h>

#include "log.h"

namespace cryo::broker {
namespace {

using Json = nlohmann::ordered_json;

struct CodeText {
    Code code;
    int status;
    std::string_view name, message;
};

constexpr std::array kCodes{
    CodeText{Code::user_id_required, 400, "USER_ID_REQUIRED", "User ID is required"},
    CodeText{Code::invalid_expiration, 400, "INVALID_EXPIRATION", "Error parsing expiration (must be a integer)"},
    CodeText{Code::negative_expiration, 400, "NEGATIVE_EXPIRATION", "Can not use 0 or negative expiration"},
    CodeText{Code::invalid_duration, 400, "INVALID_DURATION", "Could not parse duration (must be a integer)"},
    CodeText{Code::negative_duration, 400, "NEGATIVE_DURATION", "Can not use 0 or negative duration"},
    CodeText{Code::claim_id_already_used, 400, "CLAIM_ID_ALREADY_USED", "Claim ID is already used"},
    CodeText{Code::error_checking_claim, 500, "ERROR_CHECKING_CLAIM", "Error checking if claim already exists"},
    CodeText{Code::missing_target, 400, "MISSING_TARGET", "Missing target"},
    CodeText{Code::invalid_message_type, 400, "INVALID_MESSAGE_TYPE", "Invalid message type, must be text or binary"},
    CodeText{Code::error_marshalling_message, 500, "ERROR_MARSHALLING_MESSAGE", "Error marshalling message"},
    CodeText{Code::error_delivering_messaging, 500, "ERROR_DELIVERING_MESSAGING", "Error delivering message"},
    CodeText{Code::error_getting_connection, 500, "ERROR_GETTING_CONNECTION", "Error getting connection"},
    CodeText{Code::error_getting_user, 500, "ERROR_GETTING_USER", "Error getting user"},
    CodeText{Code::error_getting_channel, 500, "ERROR_GETTING_CHANNEL", "Error getting channel"},
    CodeText{Code::error_getting_claim, 500, "ERROR_GETTING_CLAIM", "Error getting claim"},
    CodeText{Code::invalid_authorization, 400, "INVALID_AUTHORIZATION", "Invalid authorization"},
    CodeText{Code::missing_authentication, 400, "MISSING_AUTHENTICATION", "Did not provide an authentication method"},
    CodeText{Code::missing_claim, 400, "MISSING_CLAIM", "Could not find claim"},
    CodeText{Code::expired_claim, 400, "EXPIRED_CLAIM", "Claim has expired"},
    CodeText{Code::invalid_jwt, 400, "INVALID_JWT", "Could not validate JWT"},
    CodeText{Code::invalid_content_type, 400, "INVALID_CONTENT_TYPE", "Invalid Content-Type"},
    CodeText{Code::error_reading_body, 400, "ERROR_READING_BODY", "Error reading body"},
    CodeText{Code::invalid_channel, 400, "INVALID_CHANNEL", "Channel names can not contain commas"},
    CodeText{Code::invalid_text, 400, "INVALID_TEXT", "Text messages must be UTF-8, send others as binary"},
    CodeText{Code::invalid_parameter, 400, "INVALID_PARAMETER",
             "A parameter is too long or not UTF-8, or there are too many channels"},
    CodeText{Code::overloaded, 503, "OVERLOADED", "Too many connections"},
    CodeText{Code::stopped, 503, "STOPPED", "The broker does not run"},
};
static_assert(kCodes[static_cast<std::size_t>(Code::stopped)].code == Code::stopped);

HttpResponse json(int status, const Json& body) {
    // Ids and names are the callers': what is not UTF-8 in them must not become an exception.
    return {.status = status,
            .body = body.dump(-1, ' ', false, Json::error_handler_t::replace),
            .content_type = std::string(kJson)};
}

std::int64_t seconds_of(std::chrono::sys_seconds time) { return time.time_since_epoch().count(); }

Json describe(const ConnectionInfo& connection) {
    Json described{{"id", connection.id},
                   {"worker", connection.worker},
                   {"lastPing", seconds_of(connection.last_ping)},
                   {"user", connection.user}};
    if (!connection.session.empty()) described["session"] = connection.session;
    described["channels"] = connection.channels;
    return described;
}

Json describe(const auth::Claim& claim) {
    Json described{{"id", claim.id}, {"expiration", seconds_of(claim.expires_at)}, {"user", claim.user}};
    if (!claim.session.empty()) described["session"] = claim.session;
    described["channels"] = claim.topics;
    return described;
}

template <class T>
Json describe_all(const std::vector<T>& items) {
    auto all = Json::array();
    for (const auto& item : items) all.push_back(describe(item));
    return all;
}

}  // namespace

HttpResponse failure(Code code, std::string_view request_id, std::optional<int> status) {
    const auto& text = kCodes[static_cast<std::size_t>(code)];
    Json body{{"success", false}, {"errorCode", text.name}, {"error", text.message}};
    if (!request_id.empty()) body["requestId"] = request_id;
    return json(status.value_or(text.status), body);
}

HttpResponse success() { return {.status = 200, .body = R"({"success":true})", .content_type = std::string(kJson)}; }

HttpResponse report(std::size_t reached, bool complete) {
    return json(200, {{"success", true}, {"connections", reached}, {"complete", complete}});
}

HttpResponse claim_created(const auth::Claim& claim) {
    Json described{{"id", claim.id},
                   {"user", claim.user},
                   {"expiration", seconds_of(claim.expires_at)},
                   {"channels", claim.topics}};
    if (!claim.session.empty()) described["session"] = claim.session;
    return json(200, {{"success", true}, {"claim", std::move(described)}});
}

HttpResponse info(const std::vector<ConnectionInfo>& connections, const std::vector<auth::Claim>& claims) {
    return json(200, {{"success", true}, {"connections", describe_all(connections)}, {"claims", describe_all(claims)}});
}

HttpResponse page_not_found() { return {.status = 404, .body = "404 page not found", .content_type = "text/plain"}; }

HttpResponse pong() { return HttpResponse::text(200, "pong"); }

std::string make_request_id(const HttpRequest& request) {
    return request.header("X-Request-ID").empty() ? SessionId::random().to_string() : std::string();
}

Call::Call(const HttpRequest& request, HttpReply reply, const BrokerOptions& options,
           std::shared_ptr<Counters> counters)
    : request_id_(make_request_id(request)), reply_(std::move(reply)), counters_(std::move(counters)) {
    if (!options.log_requests || !options.logger) return;
    logger_ = options.logger;
    log_line_ = fmt::format("request method={} path={} address={}", request.method,
                            request.raw_target.substr(0, request.raw_target.find('?')), request.remote_address);
}

void Call::answer(HttpResponse response) {
    if (response.status == 500) count(counters_->failed_requests);
    if (logger_) {
        logger_->log(LogLevel::info, kComponent,
                     fmt::format("{} status={} id={}", log_line_, response.status, request_id_));
    }
    if (!request_id_.empty()) response.headers.push_back({"X-Request-Id", request_id_});
    reply_.send(std::move(response));
}

}  // namespace cryo::broker
