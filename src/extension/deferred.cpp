#include <utility>

#include <cryo/extension.h>

namespace cryo {

Deferred& Deferred::operator=(Deferred&& other) noexcept {
    if (this != &other) {
        drop();
        deliver_ = std::move(other.deliver_);
    }
    return *this;
}

Deferred::~Deferred() { drop(); }

void Deferred::proceed() { decide({.verdict = Verdict::proceed, .replacement = {}}); }

void Deferred::proceed(Message replacement) {
    decide({.verdict = Verdict::proceed, .replacement = std::move(replacement)});
}

void Deferred::drop() { decide({.verdict = Verdict::drop, .replacement = {}}); }

void Deferred::decide(Decision decision) {
    if (auto deliver = std::exchange(deliver_, nullptr)) deliver(std::move(decision));
}

}  // namespace cryo
