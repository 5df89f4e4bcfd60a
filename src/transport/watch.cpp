#include "transport/watch.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "transport/loop_impl.h"

namespace cryo::transport {

class Watch::Handle final : public Pollable {
public:
    Handle(Loop::Impl& loop, int descriptor, Watch& owner, Callback callback)
        : loop_(loop),
          descriptor_(descriptor),
          owner_(owner),
          callback_(std::make_shared<Callback>(std::move(callback))) {}

    /// False, with errno: it cannot be watched.
    bool open(Events events) {
        wanted_ = events;
        const int flags = ::fcntl(descriptor_, F_GETFL);
        return flags >= 0 && ::fcntl(descriptor_, F_SETFL, flags | O_NONBLOCK) == 0 &&
               loop_.poller.add(descriptor_, mask(), *this);
    }

    void want(Events events) {
        if (events == wanted_) return;
        wanted_ = events;
        loop_.poller.change(descriptor_, mask(), *this);
    }

    /// The watch is not told any more; frees the handle at the end of this turn of the loop.
    void close() {
        owner_.handle_ = nullptr;
        const auto last = std::move(callback_);  // what it owns may be the descriptor, which goes when all is done
        loop_.watches.erase(descriptor_);
        loop_.poller.remove(descriptor_, std::unique_ptr<Pollable>(this));
    }

    void on_events(std::uint32_t events) noexcept override {
        const bool error = (events & (EPOLLERR | EPOLLHUP)) != 0;
        const Events told{.readable = wanted_.readable && (error || (events & EPOLLIN) != 0),
                          .writable = wanted_.writable && (error || (events & EPOLLOUT) != 0)};
        if (told == Events{}) return;
        if (const auto callback = callback_) (*callback)(told);  // it may destroy the watch, but not itself
    }

private:
    /// Errors and hang-ups are told of whether wanted or not; of a watch that rests only once.
    std::uint32_t mask() const noexcept {
        if (wanted_ == Events{}) return EPOLLET;
        return (wanted_.readable ? std::uint32_t{EPOLLIN} : 0) | (wanted_.writable ? std::uint32_t{EPOLLOUT} : 0);
    }

    Loop::Impl& loop_;
    const int descriptor_;
    Watch& owner_;
    std::shared_ptr<Callback> callback_;  // null: closed
    Events wanted_{};
};

Result<std::unique_ptr<DescriptorWatch>> Watch::create(Loop& loop, int descriptor, Events events, Callback callback) {
    Loop::Impl& impl = *loop.impl_;
    const auto error = [descriptor](Errc code, std::string_view why) {
        return Error{code, "descriptor " + std::to_string(descriptor) + " cannot be watched: " + std::string(why)};
    };
    if (loop.ended()) return error(Errc::wrong_state, "the loop has ended");

    std::unique_ptr<Watch> watch(new Watch);
    auto handle = std::make_unique<Handle>(impl, descriptor, *watch, std::move(callback));
    const auto [place, is_new] = impl.watches.try_emplace(descriptor, handle.get());
    if (!is_new) return error(Errc::system, "it is watched already");
    if (!handle->open(events)) {
        const int reason = errno;
        impl.watches.erase(place);
        return error(Errc::system, std::generic_category().message(reason));
    }
    watch->handle_ = handle.release();
    return std::unique_ptr<DescriptorWatch>(std::move(watch));
}

Watch::~Watch() {
    if (handle_) handle_->close();
}

void Watch::want(Events events) {
    if (handle_) handle_->want(events);
}

void Loop::Impl::close_watches() {
    while (!watches.empty()) watches.begin()->second->close();
}

}  // namespace cryo::transport
