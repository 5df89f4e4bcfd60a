#include "random.h"

#include <openssl/rand.h>

namespace cryo::redis {

std::uint32_t random_below(std::uint32_t bound) noexcept {
    std::uint32_t number = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) return 0;
    return number % bound;
}

}  // namespace cryo::redis
