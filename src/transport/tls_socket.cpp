#include "transport/tls_socket.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <libwebsockets.h>
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

void TlsSocket::start(lws* wsi, std::chrono::milliseconds handshake_timeout) {
    wsi_ = wsi;
    ssl_ = lws_get_ssl(wsi);
    lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);  // its timeouts live in one sorted list: too slow for many
    SSL_set_app_data(ssl_, this);
    SSL_set_info_callback(ssl_, on_ssl_info);
    SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    loop_.timers().start(handshake_timer_, handshake_timeout);
    if (SSL_is_init_finished(ssl_)) on_ssl_info(ssl_, SSL_CB_HANDSHAKE_DONE, 1);  // a quick peer
}

TlsSocket::~TlsSocket() {
    if (ssl_) SSL_set_info_callback(ssl_, nullptr);
}

void TlsSocket::on_ssl_info(const ssl_st* ssl, int where, int) {
    if ((where & SSL_CB_HANDSHAKE_DONE) == 0) return;
    auto* socket = static_cast<TlsSocket*>(SSL_get_app_data(ssl));
    socket->handshake_over_ = true;
    socket->loop_.want_turn_end(*socket);
}

void TlsSocket::on_handshake_timeout() noexcept { close(); }

void TlsSocket::open_after_handshake() {
    if (open_ || !handshake_over_) return;
    open_ = true;
    handshake_timer_.cancel();
    SSL_set_info_callback(ssl_, nullptr);
    lws_set_timeout(wsi_, NO_PENDING_TIMEOUT, 0);
    // One system call for many records instead of two for each. Set earlier, it would swallow handshake messages.
    SSL_set_read_ahead(ssl_, 1);
    SSL_set_default_read_buffer_len(ssl_, kReadAhead);
    open();
}

bool TlsSocket::on_readable(std::span<std::byte> data) {
    in_callback_ = true;
    open_after_handshake();
    deliver(data);
    read_pending();
    flush_if_wanted();
    in_callback_ = false;
    return !closing_;
}

bool TlsSocket::on_writable() {
    if (!full_) return !closing_;
    full_ = false;
    in_callback_ = true;
    const bool drained = flush_held();
    read_pending();  // OpenSSL may have had to write before it could read on
    if (drained && !full_) has_room();
    in_callback_ = false;
    return !closing_;
}

void TlsSocket::apply_reading() {
    lws_rx_flow_control(wsi_, reading_ ? 1 : 0);
    // Decrypted bytes that wait in OpenSSL cause no event of the socket.
    if (reading_) loop_.want_turn_end(*this);
}

std::size_t TlsSocket::write_some(std::span<const Bytes> buffers) {
    if (buffers.size() == 1) return write_all(buffers.front());
    auto& gathered = loop_.impl_->tls_write_buffer;
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
            if (full_ || closing_) return taken;
            filled = 0;
        }
    }
    return taken + write_all({gathered.data(), filled});
}

std::size_t TlsSocket::write_all(Bytes data) {
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
            fail();
            return written;
        }
        const Bytes record = rest.first(std::min(rest.size(), kRecord));
        held_.assign(record.begin(), record.end());
        wait_writable();
        return written + record.size();
    }
    return written;
}

bool TlsSocket::flush_held() {
    if (held_.empty()) return true;
    const auto record = std::exchange(held_, {});
    write_all(record);
    return held_.empty();
}

bool TlsSocket::send_close_notify() {
    clear_errors();
    const int result = SSL_shutdown(ssl_);
    if (result >= 0 || SSL_get_error(ssl_, result) != SSL_ERROR_WANT_WRITE) return true;
    wait_writable();
    return false;
}

void TlsSocket::finish_shutdown() {
    if (send_close_notify()) Socket::finish_shutdown();
}

void TlsSocket::read_pending() {
    open_after_handshake();
    if (!open_) return;
    auto& buffer = loop_.impl_->read_buffer;
    for (std::size_t total = 0; reading_ && !closing_ && SSL_has_pending(ssl_);) {
        if (total >= kReadPerTurn) return loop_.want_turn_end(*this);
        std::size_t filled = 0;
        const bool alive = read_into(buffer, filled);
        total += filled;
        if (filled != 0) deliver({buffer.data(), filled});
        if (!alive) closing_ = true;
        if (filled == 0) return;
    }
}

bool TlsSocket::read_into(std::span<std::byte> buffer, std::size_t& filled) {
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

void TlsSocket::wait_writable() {
    full_ = true;
    lws_callback_on_writable(wsi_);
}

void TlsSocket::kill() { lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC); }

}  // namespace cryo::transport
