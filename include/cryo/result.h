#pragma once

#include <cassert>
#include <utility>
#include <variant>

#include <cryo/error.h>

namespace cryo {

/// A value of type T, or the `Error` that prevented it. The part of C++23's `std::expected` that cryo uses.
///
/// Thread safety: distinct objects, distinct threads. `value()` and `*` require `ok()`, `error()` its opposite.
/// @code
///   auto server = cryo::Server::create(options, validator);
///   if (!server) { std::cerr << server.error().message << '\n'; return 1; }
///   server.value()->run();
/// @endcode
template <class T = void>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    T& value() & noexcept {
        assert(ok());
        return *std::get_if<0>(&state_);
    }
    const T& value() const& noexcept {
        assert(ok());
        return *std::get_if<0>(&state_);
    }
    T&& value() && noexcept { return std::move(value()); }
    T& operator*() & noexcept { return value(); }
    T* operator->() noexcept { return &value(); }

    const Error& error() const& noexcept {
        assert(!ok());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && noexcept {
        assert(!ok());
        return std::move(*std::get_if<1>(&state_));
    }

private:
    std::variant<T, Error> state_;
};

/// Success, or the `Error` that prevented it.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : failed_(true), error_(std::move(error)) {}

    bool ok() const noexcept { return !failed_; }
    explicit operator bool() const noexcept { return ok(); }

    const Error& error() const& noexcept {
        assert(!ok());
        return error_;
    }
    Error&& error() && noexcept {
        assert(!ok());
        return std::move(error_);
    }

private:
    bool failed_ = false;
    Error error_{};
};

}  // namespace cryo
