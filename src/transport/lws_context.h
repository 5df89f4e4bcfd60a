#pragma once

#include <memory>

#include <libwebsockets.h>
#include <uv.h>

#include "transport/loop.h"

namespace cryo::transport {

class TlsSocket;

/// libwebsockets, which watches the connections of a loop with TLS, on a libuv loop that it needs for that.
///
/// While there is one the loop sleeps in libuv's poll, which watches the loop's own. Loop thread only, or before the
/// loop runs.
class LwsContext {
public:
    static Result<std::unique_ptr<LwsContext>> create(Loop::Impl& loop);
    ~LwsContext();
    LwsContext(const LwsContext&) = delete;
    LwsContext& operator=(const LwsContext&) = delete;

    /// Takes in an accepted connection, its descriptor too. What cannot be taken in is closed.
    void adopt(int fd, const Socket::Address& remote);

    /// `Poller::wait` for both.
    void wait(int timeout_ms) noexcept;

private:
    explicit LwsContext(Loop::Impl& loop) : loop_(loop) {}

    Result<> open_uv();
    Result<> open_context();
    Result<> watch_poller();
    void finish_closing() noexcept;
    static int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length) noexcept;

    Loop::Impl& loop_;

    uv_loop_t uv_{};
    uv_poll_t poller_{};
    uv_timer_t timeout_{};
    bool uv_open_ = false;
    bool poller_open_ = false;

    lws_context* context_ = nullptr;
    lws_vhost* vhost_ = nullptr;
    int event_descriptor_ = -1;  ///< libwebsockets' own, for waking it up.
    lws_protocols protocols_[2]{};
    lws_retry_bo_t no_validity_checks_{};
    TlsSocket* adopting_ = nullptr;  ///< Null again when libwebsockets has closed it already.
};

}  // namespace cryo::transport
