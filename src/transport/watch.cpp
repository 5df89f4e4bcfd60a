#include "transport/watch.h"

#include <string>
#include <utility>

#include "transport/loop_impl.h"

namespace cryo::transport {

class Watch::Handle {
public:
    Handle(Loop::Impl& loop, int descriptor, Watch& owner, Callback callback)
        : loop_(loop),
          descriptor_(descriptor),
          owner_(owner),
          callback_(std::make_shared<Callback>(std::move(callback))) {
        poll_.data = this;
    }

    /// 0, or libuv's error number: then nothing is open.
    int open() { return uv_poll_init(&loop_.uv, &poll_, descriptor_); }

    void want(Events events) {
        wanted_ = events;
        const int mask = (events.readable ? UV_READABLE : 0) | (events.writable ? UV_WRITABLE : 0);
        if (mask == 0) {
            uv_poll_stop(&poll_);
        } else {
            uv_poll_start(&poll_, mask, [](uv_poll_t* poll, int status, int ready) {
                static_cast<Handle*>(poll->data)->on_ready(status, ready);
            });
        }
    }

    /// The watch is not told any more; frees the handle as soon as libuv allows it.
    void close() {
        owner_.handle_ = nullptr;
        loop_.watches.erase(descriptor_);
        uv_close(reinterpret_cast<uv_handle_t*>(&poll_),
                 [](uv_handle_t* poll) { delete static_cast<Handle*>(poll->data); });
        callback_.reset();
    }

private:
    void on_ready(int status, int ready) {
        loop_.had_work = true;
        const Events events{.readable = wanted_.readable && (status < 0 || (ready & UV_READABLE) != 0),
                            .writable = wanted_.writable && (status < 0 || (ready & UV_WRITABLE) != 0)};
        const auto callback = callback_;  // it may destroy the watch, and must not be destroyed by that itself
        (*callback)(events);
        const bool open = callback_ != nullptr;
        if (open && status < 0) want(wanted_);  // libuv stops on errors
    }

    Loop::Impl& loop_;
    const int descriptor_;
    Watch& owner_;
    std::shared_ptr<Callback> callback_;  // null: closed
    Events wanted_{};
    uv_poll_t poll_{};
};

Result<std::unique_ptr<DescriptorWatch>> Watch::create(Loop& loop, int descriptor, Events events, Callback callback) {
    Loop::Impl& impl = *loop.impl_;
    const auto error = [descriptor](Errc code, std::string_view why) {
        return Error{code, "descriptor " + std::to_string(descriptor) + " cannot be watched: " + std::string(why)};
    };
    if (loop.ended()) return error(Errc::wrong_state, "the loop has ended");
    if (impl.watches.contains(descriptor)) return error(Errc::system, "it is watched already");

    std::unique_ptr<Watch> watch(new Watch);
    auto handle = std::make_unique<Handle>(impl, descriptor, *watch, std::move(callback));
    if (const int failure = handle->open(); failure != 0) return error(Errc::system, uv_strerror(failure));
    impl.watches.emplace(descriptor, handle.get());
    watch->handle_ = handle.release();
    watch->handle_->want(events);
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
