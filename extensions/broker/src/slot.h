#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace cryo::broker {

/// Holds what is there only while the broker runs. Any thread.
template <class T>
class Slot {
public:
    void set(std::shared_ptr<const T> value) {
        const std::lock_guard lock(mutex_);
        value_.swap(value);
    }
    std::shared_ptr<const T> get() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const T> value_;
};

}  // namespace cryo::broker
