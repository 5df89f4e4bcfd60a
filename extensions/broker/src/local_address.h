#pragma once

#include <string>

namespace cryo::broker {

/// The first IPv4 address of this machine that is not the loopback's; that one when there is no other.
std::string first_ipv4_address();

}  // namespace cryo::broker
