#pragma once

#include <string>
#include <utility>

#include <openssl/crypto.h>

#include <cryo/redis/options.h>

namespace cryo::redis {

/// Wipes a string's characters when its time is over.
class Wiped {
public:
    Wiped() = default;
    explicit Wiped(std::string text) : text_(std::move(text)) {}
    Wiped(const Wiped& other) : text_(other.text_) {}
    Wiped& operator=(Wiped other) noexcept {
        text_.swap(other.text_);
        return *this;
    }
    ~Wiped() { OPENSSL_cleanse(text_.data(), text_.size()); }

    const std::string& text() const noexcept { return text_; }

private:
    std::string text_{};
};

inline void wipe(Options& options) noexcept {
    OPENSSL_cleanse(options.credentials.password.data(), options.credentials.password.size());
    if (!options.sentinel) return;
    auto& password = options.sentinel->credentials.password;
    OPENSSL_cleanse(password.data(), password.size());
}

/// Wipes them however the function ends that they were given to.
class WipeAtEnd {
public:
    explicit WipeAtEnd(Options& options) noexcept : options_(options) {}
    WipeAtEnd(const WipeAtEnd&) = delete;
    WipeAtEnd& operator=(const WipeAtEnd&) = delete;
    ~WipeAtEnd() { wipe(options_); }

private:
    Options& options_;
};

}  // namespace cryo::redis
