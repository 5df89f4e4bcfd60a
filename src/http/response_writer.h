#pragma once

#include <string>
#include <string_view>

#include <cryo/http.h>

namespace cryo::http {

/// What the connection knows about the exchange a response ends.
struct ResponseContext {
    bool head_request = false;  ///< headers as for GET, no body
    bool keep_alive = true;
    std::string_view date{};  ///< IMF-fixdate; empty = no Date header
};

/// The bytes to send, ready even when the response could not be sent as it was: then they are those of a 500, and
/// `error`, otherwise empty, says for the log what was wrong with it.
struct SerializedResponse {
    std::string bytes{};
    std::string error{};
};

SerializedResponse serialize(const HttpResponse& response, const ResponseContext& context);

/// The standard phrase of a status code, or "Unknown".
std::string_view reason_phrase(int status) noexcept;

}  // namespace cryo::http
