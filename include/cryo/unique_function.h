#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace cryo {

template <class Signature>
class UniqueFunction;

/// A move-only callable: `std::function` for closures that own something.
///
/// Callables of up to three words that move without throwing are stored inside, others on the heap.
/// Calling an empty one is undefined; test with `if (f)`.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
public:
    UniqueFunction() noexcept = default;
    UniqueFunction(std::nullptr_t) noexcept {}

    template <class F, class D = std::decay_t<F>>
    requires(!std::is_same_v<D, UniqueFunction> && std::is_invocable_r_v<R, D&, Args...>) UniqueFunction(F&& callable) {
        if constexpr (fits<D>) {
            ::new (static_cast<void*>(storage_)) D(std::forward<F>(callable));
            table_ = &inline_table<D>;
        } else {
            ::new (static_cast<void*>(storage_)) D*(new D(std::forward<F>(callable)));
            table_ = &heap_table<D>;
        }
    }

    UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
    UniqueFunction& operator=(UniqueFunction&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~UniqueFunction() { reset(); }

    explicit operator bool() const noexcept { return table_ != nullptr; }
    R operator()(Args... args) { return table_->call(storage_, std::forward<Args>(args)...); }

private:
    struct Table {
        R (*call)(void*, Args&&...);
        void (*move)(void* to, void* from) noexcept;
        void (*destroy)(void*) noexcept;
    };

    static constexpr std::size_t kWords = 3;

    template <class D>
    static constexpr bool fits = sizeof(D) <= kWords * sizeof(void*) &&
                                 alignof(D) <= alignof(void*) && std::is_nothrow_move_constructible_v<D>;

    template <class D>
    static constexpr Table inline_table{[](void* self, Args&&... args) -> R {
                                            return std::invoke(*static_cast<D*>(self), std::forward<Args>(args)...);
                                        },
                                        [](void* to, void* from) noexcept {
                                            ::new (to) D(std::move(*static_cast<D*>(from)));
                                            static_cast<D*>(from)->~D();
                                        },
                                        [](void* self) noexcept { static_cast<D*>(self)->~D(); }};

    template <class D>
    static constexpr Table heap_table{[](void* self, Args&&... args) -> R {
                                          return std::invoke(**static_cast<D**>(self), std::forward<Args>(args)...);
                                      },
                                      [](void* to, void* from) noexcept { ::new (to) D*(*static_cast<D**>(from)); },
                                      [](void* self) noexcept { delete *static_cast<D**>(self); }};

    void take(UniqueFunction& other) noexcept {
        table_ = std::exchange(other.table_, nullptr);
        if (table_) table_->move(storage_, other.storage_);
    }
    void reset() noexcept {
        if (auto* table = std::exchange(table_, nullptr)) table->destroy(storage_);
    }

    const Table* table_ = nullptr;
    alignas(void*) std::byte storage_[kWords * sizeof(void*)];
};

}  // namespace cryo
