#pragma once

#include <cstdint>

/// Close codes of RFC 6455 7.4.1 and the IANA registry.
namespace cryo::websocket::close_code {

inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupportedData = 1003;
inline constexpr std::uint16_t kNoStatus = 1005;  // never on the wire: a close frame without a code
inline constexpr std::uint16_t kAbnormal = 1006;  // never on the wire: no close frame came
inline constexpr std::uint16_t kInvalidPayload = 1007;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::uint16_t kMessageTooBig = 1009;
inline constexpr std::uint16_t kMandatoryExtension = 1010;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kServiceRestart = 1012;
inline constexpr std::uint16_t kTryAgainLater = 1013;
inline constexpr std::uint16_t kBadGateway = 1014;

/// Whether a close frame may carry `code`: the registered ones that are not reserved, and those of libraries (3000) and
/// applications (4000).
constexpr bool is_valid_on_wire(std::uint16_t code) noexcept {
    return (code >= kNormal && code <= kUnsupportedData) || (code >= kInvalidPayload && code <= kBadGateway) ||
           (code >= 3000 && code <= 4999);
}

}  // namespace cryo::websocket::close_code
