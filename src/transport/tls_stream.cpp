#include "transport/tls_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "transport/loop_impl.h"

namespace cryo::transport {
namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t kReadAhead = 64 * 1024;
constexpr std::size_t kReadPerTurn = 256 * 1024;  // a peer that sends without pause leaves time for the others

/// SSL_get_error is misled by what anybody on this thread has left in OpenSSL's queue. Looking costs much less than
/// clearing it.
void clear_errors() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

TlsStream::TlsStream(Socket& socket, ssl_st* ssl, std::chrono::milliseconds handshake_timeout)
    : socket_(socket), ssl_(ssl) {
    SSL_set_app_data(ssl_, this);
    SSL_set_info_callback(ssl_, on_ssl_info);
    SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    socket_.loop_.timers().start(handshake_timer_, handshake_timeout);
    if (SSL_is_init_finished(ssl_)) on_ssl_info(ssl_, SSL_CB_HANDSHAKE_DONE, 1);  // a quick peer
}

TlsStream::~TlsStream() { SSL_set_info_callback(ssl_, nullptr); }

void TlsStream::on_ssl_info(const ssl_st* ssl, int where, int) {
    if ((where & SSL_CB_HANDSHAKE_DONE) == 0) return;
    auto* stream = static_cast<TlsStream*>(SSL_get_app_data(ssl));
    stream->handshake_over_ = true;
    stream->socket_.loop_.want_turn_end(stream->socket_);
}

void TlsStream::on_handshake_timeout() noexcept { socket_.close(); }

void TlsStream::open_after_handshake() {
    if (open_ || !handshake_over_) return;
    open_ = true;
    handshake_timer_.cancel();
    SSL_set_info_callback(ssl_, nullptr);
    lws_set_timeout(socket_.wsi_, NO_PENDING_TIMEOUT, 0);
    // One system call for many records instead of two for each. Set earlier, it would swallow handshake messages.
    SSL_set_read_ahead(ssl_, 1);
    SSL_set_default_read_buffer_len(ssl_, kReadAhead);
    socket_.open();
}

std::size_t TlsStream::write(std::span<const Bytes> buffers) {
    if (buffers.size() == 1) return write_all(buffers.front());
    auto& gathered = socket_.loop_.impl_->tls_write_buffer;
    std::size_t taken = 0;
    std::size_t filled = 0;
    for (Bytes buffer : buffers) {
        while (!buffer.empty()) {
            const std::size_t part = std::min(buffer.size(), gathered.size() - filled);
            std::memcpy(gathered.data() + filled, buffer.data(), part);
            buffer = buffer.subspan(part);
            filled += part;
            if (filled < gathered.size()) continue;
            taken += write_all({gathered.data(), filled});
            if (socket_.full_ || socket_.closing_) return taken;
            filled = 0;
        }
    }
    return taken + write_all({gathered.data(), filled});
}

std::size_t TlsStream::write_all(Bytes data) {
    std::size_t written = 0;
    while (written < data.size()) {
        const Bytes rest = data.subspan(written);
        std::size_t sent = 0;
        clear_errors();
        const int result = SSL_write_ex(ssl_, rest.data(), rest.size(), &sent);
        if (result == 1) {
            written += sent;
            continue;
        }
        if (SSL_get_error(ssl_, result) != SSL_ERROR_WANT_WRITE) {
            socket_.fail();
            return written;
        }
        const Bytes record = rest.first(std::min(rest.size(), kRecord));
        held_.assign(record.begin(), record.end());
        socket_.wait_writable();
        return written + record.size();
    }
    return written;
}

bool TlsStream::flush_held() {
    if (held_.empty()) return true;
    const auto record = std::exchange(held_, {});
    write_all(record);
    return held_.empty();
}

bool TlsStream::send_close_notify() {
    clear_errors();
    const int result = SSL_shutdown(ssl_);
    if (result >= 0 || SSL_get_error(ssl_, result) != SSL_ERROR_WANT_WRITE) return true;
    socket_.wait_writable();
    return false;
}

void TlsStream::read_pending() {
    if (!open_) return;
    auto& buffer = socket_.loop_.impl_->tls_read_buffer;
    for (std::size_t total = 0; socket_.reading_ && !socket_.closing_ && SSL_has_pending(ssl_);) {
        if (total >= kReadPerTurn) return socket_.loop_.want_turn_end(socket_);
        std::size_t filled = 0;
        const bool alive = read_into(buffer, filled);
        total += filled;
        if (filled != 0) socket_.deliver({buffer.data(), filled});
        if (!alive) socket_.closing_ = true;
        if (filled == 0) return;
    }
}

bool TlsStream::read_into(std::span<std::byte> buffer, std::size_t& filled) {
    do {
        std::size_t received = 0;
        clear_errors();
        const int result = SSL_read_ex(ssl_, buffer.data() + filled, buffer.size() - filled, &received);
        if (result != 1) {
            const int error = SSL_get_error(ssl_, result);
            return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        }
        filled += received;
    } while (filled < buffer.size() && SSL_has_pending(ssl_));
    return true;
}

}  // namespace cryo::transport
