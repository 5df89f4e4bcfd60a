// OpenSSL between buffers instead of on sockets, so that TLS too takes one recv() and one send() a turn.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>

/// The TLS side of a server with one thread: all connections share one BIO, which leads to what is being done now.
class Tls {
public:
    /// @returns nullptr: the files cannot be used
    static std::unique_ptr<Tls> create(const std::string& certificate, const std::string& key) {
        auto tls = std::unique_ptr<Tls>(new Tls);
        if (SSL_CTX_use_certificate_chain_file(tls->context_, certificate.c_str()) != 1) return nullptr;
        if (SSL_CTX_use_PrivateKey_file(tls->context_, key.c_str(), SSL_FILETYPE_PEM) != 1) return nullptr;
        return tls;
    }
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;
    ~Tls() {
        BIO_free(bio_);
        BIO_meth_free(method_);
        SSL_CTX_free(context_);
    }

    SSL* accept() {
        SSL* ssl = SSL_new(context_);
        BIO_up_ref(bio_);
        SSL_set_bio(ssl, bio_, bio_);
        SSL_set_accept_state(ssl);
        return ssl;
    }

    /// What a socket received.
    void feed(std::string_view received) { received_ = received; }

    /// Decrypts what was fed. @returns how many bytes there were, 0: no more, -1: the connection has failed
    int open(SSL* ssl, char* to, int size) {
        const int count = SSL_read(ssl, to, size);
        if (count > 0) return count;
        const bool wants_more = SSL_get_error(ssl, count) == SSL_ERROR_WANT_READ;
        ERR_clear_error();  // the queue of errors is the thread's, not the connection's
        return wants_more ? 0 : -1;
    }

    void seal(SSL* ssl, std::string_view bytes) { SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())); }

    /// What has to be sent, handshake messages too.
    std::string& to_send() { return to_send_; }

private:
    Tls() {
        SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
        BIO_meth_set_read(method_, read);
        BIO_meth_set_write(method_, write);
        BIO_meth_set_ctrl(method_, [](BIO*, int command, long, void*) { return long{command == BIO_CTRL_FLUSH}; });
        BIO_set_data(bio_, this);
        BIO_set_init(bio_, 1);
    }

    static int read(BIO* bio, char* to, int size) {
        auto& received = static_cast<Tls*>(BIO_get_data(bio))->received_;
        BIO_clear_retry_flags(bio);
        if (received.empty()) {
            BIO_set_retry_read(bio);
            return -1;
        }
        const auto count = std::min(received.size(), static_cast<std::size_t>(size));
        std::memcpy(to, received.data(), count);
        received.remove_prefix(count);
        return static_cast<int>(count);
    }

    static int write(BIO* bio, const char* from, int size) {
        BIO_clear_retry_flags(bio);
        static_cast<Tls*>(BIO_get_data(bio))->to_send_.append(from, static_cast<std::size_t>(size));
        return size;
    }

    SSL_CTX* context_ = SSL_CTX_new(TLS_server_method());
    BIO_METHOD* method_ = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "buffers");
    BIO* bio_ = BIO_new(method_);
    std::string_view received_;
    std::string to_send_;
};
