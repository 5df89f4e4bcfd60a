#pragma once

#include <string>
#include <string_view>

#include <openssl/crypto.h>

namespace cryo {

/// Characters that are wiped when they are no longer needed. Moves by copying: the original is wiped, wherever its
/// characters were.
class SecretText {
public:
    SecretText() = default;
    explicit SecretText(std::string_view secret) : text_(secret) {}
    SecretText(SecretText&& other) : text_(other.text_) {}
    SecretText& operator=(SecretText&&) = delete;
    ~SecretText() { OPENSSL_cleanse(text_.data(), text_.size()); }

    const std::string& text() const noexcept { return text_; }
    bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_{};
};

}  // namespace cryo
