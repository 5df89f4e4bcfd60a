#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "soak/random.h"
#include "soak/wire.h"

namespace soak {

/// A connection that is never to become a session.
enum class Misfit : std::uint8_t { vanishing, half_request, garbage, wrong_token };

Misfit draw_misfit(Random& random);
/// All that it sends.
std::string opening_of(Misfit misfit, std::string_view token, const SessionId& session_id, Random& random);
bool is_answer_to(Misfit misfit, int http_status);

/// Appends something that ends an open session. @returns the code with which the server has to close
std::uint16_t append_malformed(std::vector<std::byte>& out, const SessionId& session_id, Random& random);

}  // namespace soak
