#include "cale/cipher.h"

#include <cstring>
#include <limits>

namespace cryo::cale {
namespace {

constexpr std::size_t kCounterOffset = 8;
constexpr std::uint64_t kLastCounter = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMaxMessageBytes = std::numeric_limits<int>::max();

const unsigned char* raw(const std::byte* bytes) noexcept { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* raw(std::byte* bytes) noexcept { return reinterpret_cast<unsigned char*>(bytes); }

/// Looked up once: a look-up takes longer than a small message.
const EVP_CIPHER* aes_128_gcm() {
    static const std::unique_ptr<EVP_CIPHER, OpensslDeleter<EVP_CIPHER_free>> cipher(
        EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr));
    return cipher.get();
}

/// One context for the life of a session; messages only change the IV. Null when out of memory.
CipherContextPtr make_context(Key key, int encrypt) {
    const ErrorQueueGuard guard;
    CipherContextPtr context(EVP_CIPHER_CTX_new());
    if (!context || EVP_CipherInit_ex2(context.get(), aes_128_gcm(), raw(key.data()), nullptr, encrypt, nullptr) != 1) {
        return nullptr;
    }
    return context;
}

}  // namespace

Sealer::Sealer(Key key, std::uint64_t first_counter) : context_(make_context(key, 1)), next_counter_(first_counter) {}

bool Sealer::start(std::byte* iv) noexcept {
    if (next_counter_ > kLastCounter) return false;
    std::memset(iv, 0, kCounterOffset);
    for (unsigned i = 0; i < 4; ++i) iv[kCounterOffset + i] = static_cast<std::byte>(next_counter_ >> (24 - 8 * i));
    ++next_counter_;
    return EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, raw(iv), nullptr) == 1;
}

bool Sealer::encrypt(Bytes in, std::byte* out) noexcept {
    int written = 0;
    return in.empty() ||
           EVP_EncryptUpdate(context_.get(), raw(out), &written, raw(in.data()), static_cast<int>(in.size())) == 1;
}

bool Sealer::seal(Bytes header, Bytes payload, std::span<std::byte> out) noexcept {
    if (!context_ || out.size() > kMaxMessageBytes) return false;
    std::byte* const frame = out.data() + kIvBytes;
    do {
        if (!start(out.data()) || !encrypt(header, frame)) return false;
    } while (out[kTypeOffset] <= kHighestPlainType);

    std::byte* const tag = frame + header.size() + payload.size();
    int written = 0;
    return encrypt(payload, frame + header.size()) && EVP_EncryptFinal_ex(context_.get(), raw(tag), &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1;
}

bool ReplayWindow::fresh(std::uint32_t counter) const noexcept {
    if (counter >= end_) return true;
    return end_ - counter <= kWidth && !seen_[counter % kWidth];
}

void ReplayWindow::mark(std::uint32_t counter) noexcept {
    if (counter >= end_ + kWidth) {
        seen_.reset();
    } else {
        for (; end_ <= counter; ++end_) seen_.reset(end_ % kWidth);
    }
    if (counter >= end_) end_ = std::uint64_t{counter} + 1;
    seen_.set(counter % kWidth);
}

Opener::Opener(Key key) : context_(make_context(key, 0)) {}

bool Opener::decrypt(std::span<std::byte> message, std::span<std::byte> frame) noexcept {
    int written = 0;
    return EVP_DecryptInit_ex2(context_.get(), nullptr, nullptr, raw(message.data()), nullptr) == 1 &&
           (frame.empty() || EVP_DecryptUpdate(context_.get(), raw(frame.data()), &written, raw(frame.data()),
                                               static_cast<int>(frame.size())) == 1) &&
           EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, frame.data() + frame.size()) == 1 &&
           EVP_DecryptFinal_ex(context_.get(), raw(frame.data()), &written) == 1;
}

std::optional<std::span<std::byte>> Opener::open(std::span<std::byte> message) noexcept {
    if (!context_ || message.size() < kOverheadBytes || message.size() > kMaxMessageBytes) return std::nullopt;
    std::uint32_t counter = 0;
    for (std::size_t i = 0; i < kIvBytes; ++i) {
        const auto byte = std::to_integer<std::uint32_t>(message[i]);
        // Another prefix would make another IV of the same counter, which the window could not tell apart.
        if (i < kCounterOffset && byte != 0) return std::nullopt;
        counter = counter << 8 | byte;
    }
    if (!window_.fresh(counter)) return std::nullopt;
    const auto frame = message.subspan(kIvBytes, message.size() - kOverheadBytes);
    if (!decrypt(message, frame)) {
        ERR_clear_error();
        return std::nullopt;
    }
    window_.mark(counter);
    return frame;
}

}  // namespace cryo::cale
