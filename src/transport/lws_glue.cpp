#include <mutex>
#include <string>
#include <utility>

#include <fcntl.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "core/log.h"
#include "transport/loop_impl.h"
#include "transport/tls_socket.h"

namespace cryo::transport {
namespace {

constexpr char kVhostName[] = "cryo";

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

}  // namespace

Result<> Loop::Impl::open_lws() {
    if (!tls.enabled()) return {};
    protocols[0].name = kVhostName;
    protocols[0].callback = &Impl::on_lws;

    void* loops[] = {&uv};
    lws_context_creation_info info{};
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.vhost_name = kVhostName;
    info.protocols = protocols;
    info.foreign_loops = loops;
    info.pt_serv_buf_size = static_cast<unsigned>(config.read_buffer_bytes + LWS_PRE);
    info.retry_and_idle_policy = &no_validity_checks;
    info.user = this;
    info.pcontext = &context;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.provided_client_ssl_ctx = tls.client_context();

    if (config.logger) {
        const std::lock_guard lock(log_mutex);
        process_logger = config.logger;
    }
    const std::lock_guard lock(process_mutex);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    last_line.clear();
    context = lws_create_context(&info);
    if (context) vhost = lws_get_vhost_by_name(context, kVhostName);
    uv_walk(&uv, find_event_descriptor, &event_descriptor);
    if (vhost) return {};
    if (last_line.find("evlib") != std::string::npos) {
        return Error{Errc::system,
                     "libwebsockets cannot load its libuv plug-in: install the Debian package libwebsockets-evlib-uv"};
    }
    return Error{Errc::system, "libwebsockets cannot make a context: " + last_line};
}

void Loop::Impl::close_lws() {
    if (!context) return;
    const std::lock_guard lock(process_mutex);
    // The first call closes what the context has open, libuv finishes that, and the second call frees it (and clears
    // the pointer).
    lws_context_destroy(context);
    // Its event descriptor it closes in both steps. In between, the number must not become another thread's file.
    if (event_descriptor >= 0) {
        const int placeholder = ::fcntl(uv_backend_fd(&uv), F_DUPFD_CLOEXEC, event_descriptor);
        if (placeholder >= 0 && placeholder != event_descriptor) ::close(placeholder);
    }
    finish_closing();
    if (context) lws_context_destroy(context);
}

int Loop::Impl::on_lws(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t length) noexcept {
    const auto socket = [wsi] { return static_cast<TlsSocket*>(lws_get_opaque_user_data(wsi)); };
    switch (reason) {
        case LWS_CALLBACK_RAW_RX:
            socket()->loop_.impl_->had_work = true;
            return socket()->on_readable({static_cast<std::byte*>(in), length}) ? 0 : -1;
        case LWS_CALLBACK_RAW_WRITEABLE:
            return socket()->on_writable() ? 0 : -1;
        case LWS_CALLBACK_RAW_CLOSE:
            if (TlsSocket* closed = socket()) {
                closed->leave_loop();
                delete closed;
            }
            return 0;
        case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
            static_cast<Impl*>(lws_context_user(lws_get_context(wsi)))->tls.attach(static_cast<SSL_CTX*>(user));
            return 0;
        default:
            return 0;
    }
}

}  // namespace cryo::transport
