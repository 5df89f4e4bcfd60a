#include "connection_id.h"

#include <array>
#include <string_view>

#include <openssl/rand.h>

namespace cryo::hub {

Result<std::string> random_connection_id() {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<unsigned char, 16> random{};
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
        return Error{Errc::system, "no randomness for a connection id: RAND_bytes failed"};
    }
    std::string id;
    id.reserve(2 * random.size());
    for (const unsigned char byte : random) {
        id += kDigits[byte >> 4];
        id += kDigits[byte & 15];
    }
    return id;
}

}  // namespace cryo::hub
