#include "transport/lws_context.h"

#include <cassert>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/log.h"
#include "transport/loop_impl.h"
#include "transport/tls_socket.h"

namespace cryo::transport {
namespace {

constexpr char kVhostName[] = "cryo";
constexpr std::size_t kDescriptorsOfAContext = 16;  // about twice what it takes

// libwebsockets has one log for the process, and global state that contexts set up and tear down.
std::mutex process_mutex;
std::mutex log_mutex;
std::weak_ptr<ILogger> process_logger;
thread_local std::string last_line;

void on_lws_log(int level, const char* line) {
    last_line = line;
    while (!last_line.empty() && last_line.back() == '\n') last_line.pop_back();
    std::shared_ptr<ILogger> logger;
    {
        const std::lock_guard lock(log_mutex);
        logger = process_logger.lock();
    }
    log(logger.get(), level == LLL_ERR ? LogLevel::error : LogLevel::warning, "libwebsockets", last_line);
}

/// Of a new context's handles, the one that watches a descriptor.
void find_event_descriptor(uv_handle_t* handle, void* result) {
    if (handle->type == UV_POLL) uv_fileno(handle, static_cast<uv_os_fd_t*>(result));
}

/// libuv ends the process, and libwebsockets is left half made, when descriptors run out while they start.
bool descriptors_are_free(std::size_t count) {
    std::vector<int> tried;
    while (tried.size() < count) {
        const int fd = ::eventfd(0, EFD_CLOEXEC);
        if (fd < 0) break;
        tried.push_back(fd);
    }
    for (int fd : tried) ::close(fd);
    return tried.size() == count;
}

}  // namespace

Result<std::unique_ptr<LwsContext>> LwsContext::create(Loop::Impl& loop) {
    std::unique_ptr<LwsContext> made(new LwsContext(loop));
    for (auto step : {&LwsContext::open_uv, &LwsContext::open_context, &LwsContext::watch_poller}) {
        if (auto done = (*made.*step)(); !done) return std::move(done).error();
    }
    return made;
}

Result<> LwsContext::open_uv() {
    uv_open_ = descriptors_are_free(kDescriptorsOfAContext) && uv_loop_init(&uv_) == 0;
    if (uv_open_ && uv_timer_init(&uv_, &timeout_) == 0) return {};
    return Error{Errc::system, "cannot make an event loop for TLS: out of file descriptors or memory"};
}

Result<> LwsContext::open_context() {
    protocols_[0].name = kVhostName;
    protocols_[0].callback = on_event;

    void* loops[] = {&uv_};
    lws_context_creation_info info{};
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.vhost_name = kVhostName;
    info.protocols = protocols_;
    info.foreign_loops = loops;
    info.pt_serv_buf_size = static_cast<unsigned>(loop_.config.read_buffer_bytes + LWS_PRE);
    info.retry_and_idle_policy = &no_validity_checks_;
    info.user = this;
    info.pcontext = &context_;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.provided_client_ssl_ctx = loop_.tls.client_context();

    if (loop_.config.logger) {
        const std::lock_guard lock(log_mutex);
        process_logger = loop_.config.logger;
    }
    const std::lock_guard lock(process_mutex);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    last_line.clear();
    context_ = lws_create_context(&info);
    if (context_) vhost_ = lws_get_vhost_by_name(context_, kVhostName);
    uv_walk(&uv_, find_event_descriptor, &event_descriptor_);
    if (vhost_) return {};
    if (last_line.find("evlib") != std::string::npos) {
        return Error{Errc::system,
                     "libwebsockets cannot load its libuv plug-in: install the Debian package libwebsockets-evlib-uv"};
    }
    return Error{Errc::system, "libwebsockets cannot make a context: " + last_line};
}

Result<> LwsContext::watch_poller() {
    if (uv_poll_init(&uv_, &poller_, loop_.poller.descriptor()) != 0) {
        return Error{Errc::system, "cannot watch the event loop's descriptor: out of memory"};
    }
    poller_open_ = true;
    poller_.data = &loop_;
    uv_poll_start(&poller_, UV_READABLE, [](uv_poll_t* handle, int, int) {
        auto& loop = *static_cast<Loop::Impl*>(handle->data);
        if (loop.poller.wait(0)) loop.had_work = true;
    });
    return {};
}

LwsContext::~LwsContext() {
    if (!uv_open_) return;
    if (poller_open_) uv_close(reinterpret_cast<uv_handle_t*>(&poller_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timeout_), nullptr);
    if (context_) {
        const std::lock_guard lock(process_mutex);
        // The first call closes what the context has open, libuv finishes that, and the second call frees it (and
        // clears the pointer).
        lws_context_destroy(context_);
        // Its event descriptor it closes in both steps. In between, the number must not become another thread's file.
        if (event_descriptor_ >= 0) {
            const int placeholder = ::fcntl(uv_backend_fd(&uv_), F_DUPFD_CLOEXEC, event_descriptor_);
            if (placeholder >= 0 && placeholder != event_descriptor_) ::close(placeholder);
        }
        finish_closing();
        if (context_) lws_context_destroy(context_);
    }
    finish_closing();
    [[maybe_unused]] const int left_open = uv_loop_close(&uv_);
    assert(left_open == 0);
}

void LwsContext::finish_closing() noexcept {
    while (uv_run(&uv_, UV_RUN_NOWAIT) != 0) {
    }
}

void LwsContext::adopt(int fd, const Socket::Address& remote) {
    auto* socket = new TlsSocket(loop_.loop, fd, remote);
    loop_.add(*socket);

    // A handshake that fails at once closes the socket within this call: RAW_CLOSE without RAW_ADOPT.
    adopting_ = socket;
    lws_adopt_desc_t description{};
    description.vh = vhost_;
    description.type = static_cast<lws_adoption_type>(LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL);
    description.fd.sockfd = fd;
    description.opaque = socket;
    lws* const wsi = lws_adopt_descriptor_vhost_via_info(&description);
    const bool closed = std::exchange(adopting_, nullptr) == nullptr;
    if (wsi) return socket->start(wsi, loop_.config.tls_handshake_timeout);
    if (closed) return;
    loop_.remove(*socket);
    delete socket;
}

void LwsContext::wait(int timeout_ms) noexcept {
    if (timeout_ms > 0) {
        uv_update_time(&uv_);  // else it counts from its last turn
        uv_timer_start(
            &timeout_, [](uv_timer_t*) {}, static_cast<std::uint64_t>(timeout_ms), 0);
    }
    uv_run(&uv_, timeout_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    uv_timer_stop(&timeout_);
}

int LwsContext::on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length) noexcept {
    auto& self = *static_cast<LwsContext*>(lws_context_user(lws_get_context(wsi)));
    auto* const socket = static_cast<TlsSocket*>(lws_get_opaque_user_data(wsi));
    switch (reason) {
        case LWS_CALLBACK_RAW_RX:
            self.loop_.had_work = true;
            return socket->on_readable({static_cast<std::byte*>(in), length}) ? 0 : -1;
        case LWS_CALLBACK_RAW_WRITEABLE:
            return socket->on_writable() ? 0 : -1;
        case LWS_CALLBACK_RAW_CLOSE:
            if (!socket) return 0;
            if (self.adopting_ == socket) self.adopting_ = nullptr;
            socket->leave_loop();
            delete socket;
            return 0;
        case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
            self.loop_.tls.attach(static_cast<SSL_CTX*>(user));
            return 0;
        default:
            return 0;
    }
}

}  // namespace cryo::transport
