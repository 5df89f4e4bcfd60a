#include <utility>

#include <cryo/extension.h>

namespace cryo {

StopHold& StopHold::operator=(StopHold&& other) noexcept {
    if (this != &other) {
        release();
        release_ = std::move(other.release_);
    }
    return *this;
}

StopHold::~StopHold() { release(); }

void StopHold::release() {
    if (auto let_go = std::exchange(release_, nullptr)) let_go();
}

}  // namespace cryo
