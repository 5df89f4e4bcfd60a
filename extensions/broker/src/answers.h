#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <cryo/auth/claim_store.h>
#include <cryo/broker/options.h>
#include <cryo/http.h>
#include <cryo/logging.h>

#include "counters.h"
#include "directory.h"

/// What is answered to HTTP requests: dSock's bodies and error codes.
namespace cryo::broker {

enum class Code : std::uint8_t {
    user_id_required,
    invalid_expiration,
    negative_expiration,
    invalid_duration,
    negative_duration,
    claim_id_already_used,
    error_checking_claim,
    missing_target,
    invalid_message_type,
    error_marshalling_message,
    error_delivering_messaging,
    error_getting_connection,
    error_getting_user,
    error_getting_channel,
    error_getting_claim,
    invalid_authorization,
    missing_authentication,
    missing_claim,
    expired_claim,
    invalid_jwt,
    invalid_content_type,
    error_reading_body,
    // Not dSock's: what it let pass and could not serve.
    invalid_channel,
    invalid_text,
    invalid_parameter,
    overloaded,
    stopped,
};

inline constexpr std::string_view kJson = "application/json; charset=utf-8";

/// @param request_id left out when empty
HttpResponse failure(Code code, std::string_view request_id, std::optional<int> status = std::nullopt);

HttpResponse success();
/// Of `/send` when the caller asked how many connections it reached.
HttpResponse report(std::size_t reached, bool complete);
HttpResponse claim_created(const auth::Claim& claim);
HttpResponse info(const std::vector<ConnectionInfo>& connections, const std::vector<auth::Claim>& claims);

HttpResponse page_not_found();
HttpResponse pong();

/// The duty to answer one request, with the id it is known by in logs and bodies.
class Call {
public:
    /// With `log_requests` the answer is logged: without the query, which may hold secrets.
    Call(const HttpRequest& request, HttpReply reply, const BrokerOptions& options, std::shared_ptr<Counters> counters);

    /// A caller that names its requests gets no name from us, neither in the header nor in bodies.
    const std::string& request_id() const noexcept { return request_id_; }

    void answer(HttpResponse response);
    void fail(Code code) { answer(failure(code, request_id_)); }
    void fail_without_id(Code code) { answer(failure(code, {})); }

private:
    std::string request_id_;
    HttpReply reply_;
    std::shared_ptr<Counters> counters_;
    std::shared_ptr<ILogger> logger_{};  // null: this request is not logged
    std::string log_line_{};
};

/// The id for a request: empty when it brought one.
std::string make_request_id(const HttpRequest& request);

}  // namespace cryo::broker
