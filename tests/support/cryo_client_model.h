#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <cryo/bytes.h>

namespace cryo::test {

/// A deployed Cryo client as seen from the wire, for tests: its frames and its CALE are code of its own, so that a
/// mistake of the library is not repeated here. It behaves like the Node client, quirks included; it has no I/O: `send`
/// gets each binary message, `on_message` takes each.
class CryoClientModel {
public:
    using Buffer = std::vector<std::byte>;
    using Sid = std::array<std::byte, 16>;
    enum Type : std::uint8_t {
        ack,
        error,
        ping_pong,
        utf8data,
        binarydata,
        server_hello,
        client_hello,
        handshake_done
    };

    struct Frame {
        Sid sid{};
        std::uint32_t ack_id = 0;
        std::uint8_t type = 0;
        Buffer payload{};

        std::string text() const { return std::string(as_text(payload)); }
    };

    CryoClientModel(const Sid& sid, std::function<void(Buffer)> send) : sid_(sid), send_(std::move(send)) {}

    /// Everything received, decrypted, in order.
    std::vector<Frame> received{};
    std::vector<std::string> texts{};
    std::vector<Buffer> binaries{};
    /// Encrypted messages whose byte 20 looks like a plain frame's: the client loses each of them.
    std::size_t misread = 0;
    /// Whether this client acknowledges, and answers pings.
    bool acknowledges = true, answers_pings = true;

    bool secure() const noexcept { return secure_; }

    std::uint32_t send_text(std::string_view text) { return send_own(utf8data, as_bytes(text)); }
    std::uint32_t send_binary(Bytes data) { return send_own(binarydata, data); }
    std::uint32_t send_ping() { return send_own(ping_pong, as_bytes("ping")); }
    void send_frame(const Frame& frame) { transmit(encode(frame)); }
    void send_frame(Type type, std::uint32_t ack_id, Bytes payload) {
        send_frame({sid_, ack_id, type, Buffer(payload.begin(), payload.end())});
    }

    void on_message(Bytes message) {
        Buffer plain(message.begin(), message.end());
        if (secure_) {
            if (message.size() > 20 && std::to_integer<unsigned>(message[20]) <= 7) ++misread;
            plain = decrypt(message);
        }
        const Frame frame = decode(plain);
        received.push_back(frame);
        handle(frame);
    }

    static Buffer encode(const Frame& frame) {
        Buffer out(frame.sid.begin(), frame.sid.end());
        for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(frame.ack_id >> shift));
        out.push_back(static_cast<std::byte>(frame.type));
        out.insert(out.end(), frame.payload.begin(), frame.payload.end());
        return out;
    }

    static Frame decode(Bytes message) {
        if (message.size() < 21) throw std::runtime_error("frame from the server is too short");
        Frame frame;
        std::copy_n(message.begin(), 16, frame.sid.begin());
        for (std::size_t i = 16; i < 20; ++i) {
            frame.ack_id = frame.ack_id << 8 | std::to_integer<std::uint32_t>(message[i]);
        }
        frame.type = std::to_integer<std::uint8_t>(message[20]);
        frame.payload.assign(message.begin() + 21, message.end());
        return frame;
    }

    /// One message as it would go out now; with CALE each call uses up a counter.
    Buffer prepare(const Frame& frame) { return secure_ ? encrypt(encode(frame)) : encode(frame); }

    /// A P-256 public key for a hello of one's own making.
    Buffer public_key() { return key_ ? exported_key() : (make_key(), exported_key()); }

private:
    template <auto Free>
    struct Freed {
        template <class T>
        void operator()(T* object) const {
            Free(object);
        }
    };
    using Pkey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
    using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
    using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

    static unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
    static const unsigned char* raw(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
    static void check(bool fine, const char* what) {
        if (!fine) throw std::runtime_error(what);
    }

    std::uint32_t send_own(Type type, Bytes payload) {
        send_frame(type, next_id_, payload);
        return next_id_++;
    }

    void transmit(Buffer plain) { send_(secure_ ? encrypt(plain) : std::move(plain)); }

    void handle(const Frame& frame) {
        switch (frame.type) {
            case utf8data:
                texts.push_back(frame.text());
                break;
            case binarydata:
                binaries.push_back(frame.payload);
                break;
            case server_hello:
                return start_handshake(frame);
            case handshake_done:
                return finish_handshake(frame);
            case ping_pong:
                // The deployed clients turn whatever they get around.
                if (answers_pings)
                    send_frame(ping_pong, frame.ack_id, as_bytes(frame.text() == "ping" ? "pong" : "ping"));
                return;
            default:
                return;
        }
        if (acknowledges) send_frame(ack, frame.ack_id, {});
    }

    void start_handshake(const Frame& hello) {
        make_key();
        derive(hello.payload);
        hello_id_ = next_id_++;
        send_frame(client_hello, hello_id_, exported_key());
    }

    void finish_handshake(const Frame& frame) {
        check(frame.ack_id == hello_id_ && frame.text() == "null", "wrong handshake_done");
        send_frame(handshake_done, hello_id_, as_bytes("null"));
        secure_ = true;
    }

    void make_key() {
        key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
        check(key_ != nullptr, "keygen");
    }

    Buffer exported_key() const {
        Buffer key(65);
        std::size_t size = 0;
        check(EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, raw(key.data()), key.size(),
                                              &size) == 1 &&
                  size == 65,
              "public key");
        return key;
    }

    void derive(Buffer peer_key) {
        char group[] = "P-256";
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
            OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, peer_key.data(), peer_key.size()),
            OSSL_PARAM_construct_end()};
        const PkeyContext import(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
        EVP_PKEY* imported = nullptr;
        check(EVP_PKEY_fromdata_init(import.get()) == 1 &&
                  EVP_PKEY_fromdata(import.get(), &imported, EVP_PKEY_PUBLIC_KEY, params) == 1,
              "server's public key");
        const Pkey peer(imported);
        const PkeyContext derive(EVP_PKEY_CTX_new(key_.get(), nullptr));
        std::array<unsigned char, 32> secret{};
        std::size_t size = secret.size();
        check(EVP_PKEY_derive_init(derive.get()) == 1 && EVP_PKEY_derive_set_peer(derive.get(), peer.get()) == 1 &&
                  EVP_PKEY_derive(derive.get(), secret.data(), &size) == 1,
              "ECDH");
        std::array<unsigned char, 32> hash{};
        SHA256(secret.data(), size, hash.data());
        std::copy_n(hash.begin(), 16, receive_key_.begin());
        std::copy_n(hash.begin() + 16, 16, send_key_.begin());
    }

    Buffer encrypt(Bytes plain) {
        Buffer out(12 + plain.size() + 16);
        for (std::size_t i = 0; i < 4; ++i) out[8 + i] = static_cast<std::byte>(counter_ >> (24 - 8 * i));
        ++counter_;
        const CipherContext context(EVP_CIPHER_CTX_new());
        int size = 0;
        check(EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, send_key_.data(), raw(out.data())) == 1 &&
                  EVP_EncryptUpdate(context.get(), raw(&out[12]), &size, raw(plain.data()),
                                    static_cast<int>(plain.size())) == 1 &&
                  EVP_EncryptFinal_ex(context.get(), raw(&out[12]) + size, &size) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16, &out[12 + plain.size()]) == 1,
              "encryption");
        return out;
    }

    Buffer decrypt(Bytes message) {
        check(message.size() >= 28, "encrypted message too short");
        Buffer tag(message.end() - 16, message.end());
        Buffer plain(message.size() - 28);
        std::byte none{};
        const CipherContext context(EVP_CIPHER_CTX_new());
        int size = 0;
        check(EVP_DecryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, receive_key_.data(), raw(message.data())) ==
                      1 &&
                  EVP_DecryptUpdate(context.get(), plain.empty() ? raw(&none) : raw(plain.data()), &size,
                                    raw(message.data()) + 12, static_cast<int>(plain.size())) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, 16, tag.data()) == 1 &&
                  EVP_DecryptFinal_ex(context.get(), raw(&none), &size) == 1,
              "message from the server does not authenticate");
        return plain;
    }

    const Sid sid_;
    std::function<void(Buffer)> send_;
    Pkey key_{};
    std::array<unsigned char, 16> send_key_{}, receive_key_{};
    std::uint32_t next_id_ = 0, hello_id_ = 0, counter_ = 0;
    bool secure_ = false;
};

}  // namespace cryo::test
