#include <array>
#include <new>
#include <utility>

#include <openssl/evp.h>

#include <cryo/redis/script.h>

namespace cryo::redis {
namespace {

std::string sha1_of(const std::string& text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) != 1) throw std::bad_alloc();
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < length; ++i) {
        hex += kDigits[digest[i] >> 4];
        hex += kDigits[digest[i] & 15];
    }
    return hex;
}

}  // namespace

Script::Script(std::string source) {
    std::string sha1 = sha1_of(source);
    data_ = std::make_shared<const Data>(Data{std::move(source), std::move(sha1)});
}

}  // namespace cryo::redis
