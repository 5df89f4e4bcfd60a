#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <cryo/bytes.h>

namespace cryo::redis {

/// An answer of Redis. A value type that owns what it holds.
///
/// What comes from a server is not trusted to have a certain form: each accessor has an answer for every kind.
/// Nested at most 7 deep, size and number of elements within `Options`.
class Reply {
public:
    enum class Kind {
        nil,      ///< Nothing: no such key, field, member.
        integer,  ///<
        string,   ///< Bulk and simple strings (`OK`).
        array,    ///<
        error,    ///< Only inside arrays: as the answer to a command it is an `Error`.
    };

    /// An error's text, such as `WRONGTYPE Operation against a key ...`.
    struct ErrorText {
        std::string text{};
        bool operator==(const ErrorText&) const = default;
    };

    Reply() noexcept = default;
    explicit Reply(std::int64_t value) noexcept : value_(value) {}
    explicit Reply(std::string text) noexcept : value_(std::move(text)) {}
    explicit Reply(std::vector<Reply> elements) noexcept : value_(std::move(elements)) {}
    explicit Reply(ErrorText error) noexcept : value_(std::move(error)) {}

    Kind kind() const noexcept { return static_cast<Kind>(value_.index()); }
    bool is_nil() const noexcept { return kind() == Kind::nil; }
    bool is_error() const noexcept { return kind() == Kind::error; }

    /// Nothing when it is not an integer.
    std::optional<std::int64_t> integer() const noexcept {
        const auto* value = std::get_if<std::int64_t>(&value_);
        return value ? std::optional(*value) : std::nullopt;
    }
    /// Of a string or an error; empty for all else. Valid as long as the reply.
    std::string_view text() const noexcept {
        if (const auto* string = std::get_if<std::string>(&value_)) return *string;
        if (const auto* error = std::get_if<ErrorText>(&value_)) return error->text;
        return {};
    }
    Bytes bytes() const noexcept { return as_bytes(text()); }
    /// Of an array; none for all else. Valid as long as the reply.
    std::span<const Reply> elements() const noexcept {
        const auto* array = std::get_if<std::vector<Reply>>(&value_);
        return array ? std::span<const Reply>(*array) : std::span<const Reply>();
    }
    /// The element at `index`; nil when there is none.
    const Reply& operator[](std::size_t index) const noexcept {
        static const Reply nothing{};
        const auto all = elements();
        return index < all.size() ? all[index] : nothing;
    }

    bool operator==(const Reply&) const = default;

private:
    friend class ReplyReader;

    std::variant<std::monostate, std::int64_t, std::string, std::vector<Reply>, ErrorText> value_{};
};

}  // namespace cryo::redis
