#include <algorithm>

#include <gtest/gtest.h>

#include <cryo/protocol/frame.h>

#include "cale/cipher.h"
#include "cale/key_pair.h"
#include "support/hex.h"
#include "support/json.h"

namespace cryo::cale {
namespace {

using test::Buffer;
using test::from_hex;

const test::Json& vectors() {
    static const auto json = test::JsonReader::file(CRYO_TEST_VECTORS "/cryo-cale.json");
    return json;
}

KeyPair pair_of(const char* side) {
    const Buffer private_key = from_hex(vectors()[std::string(side) + "_private_hex"].text);
    const Buffer public_key = from_hex(vectors()[std::string(side) + "_public_hex"].text);
    return std::move(KeyPair::from_private(std::span(private_key).first<kPrivateKeyBytes>(),
                                           std::span(public_key).first<kPublicKeyBytes>())
                         .value());
}

SessionKeys server_keys() { return pair_of("server").derive(pair_of("client").public_key()).value(); }

TEST(CaleVectors, DeriveTheRecordedKeysOnBothSides) {
    const auto client_keys = pair_of("client").derive(pair_of("server").public_key()).value();
    for (const SessionKeys& keys : {server_keys(), client_keys}) {
        EXPECT_EQ(test::to_hex(keys.server_to_client), vectors()["server_tx_client_rx_key_hex"].text);
        EXPECT_EQ(test::to_hex(keys.client_to_server), vectors()["server_rx_client_tx_key_hex"].text);
    }
}

TEST(CaleVectors, RefuseAPrivateKeyOfAnotherPublicKey) {
    const Buffer private_key = from_hex(vectors()["server_private_hex"].text);
    const Buffer public_key = from_hex(vectors()["client_public_hex"].text);
    EXPECT_FALSE(KeyPair::from_private(std::span(private_key).first<kPrivateKeyBytes>(),
                                       std::span(public_key).first<kPublicKeyBytes>()));
}

TEST(CaleVectors, HandshakeFramesAreTheRecordedOnes) {
    const auto sid = SessionId::parse(vectors()["sid"].text).value();
    const auto frame = [&](protocol::FrameType type, Bytes payload) {
        Buffer message(protocol::kFrameHeaderBytes);
        protocol::write_header(message.data(), {sid, 0, type});
        message.insert(message.end(), payload.begin(), payload.end());
        return test::to_hex(message);
    };
    const auto& handshake = vectors()["handshake"].items;
    ASSERT_EQ(handshake.size(), 4u);
    const Bytes done = as_bytes(protocol::kAbsentPayload);
    EXPECT_EQ(frame(protocol::FrameType::server_hello, pair_of("server").public_key()), handshake[0]["hex"].text);
    EXPECT_EQ(frame(protocol::FrameType::client_hello, pair_of("client").public_key()), handshake[1]["hex"].text);
    EXPECT_EQ(frame(protocol::FrameType::handshake_done, done), handshake[2]["hex"].text);
    EXPECT_EQ(frame(protocol::FrameType::handshake_done, done), handshake[3]["hex"].text);
}

/// The recording uses every counter; a server skips those whose message a client would take for a plain frame.
TEST(CaleVectors, SealsEveryServerFrameByteForByteAndSkipsTheAmbiguous) {
    const auto keys = server_keys();
    const auto& entries = vectors()["server_to_client"].items;
    ASSERT_EQ(entries.size(), 200u);
    int ambiguous = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto& entry = entries[i];
        const Buffer plain = from_hex(entry["plain_hex"].text), expected = from_hex(entry["encrypted_hex"].text);
        const auto seal = [&](Sealer& sealer) {
            Buffer out(plain.size() + kOverheadBytes);
            EXPECT_TRUE(sealer.seal(Bytes(plain).first(21), Bytes(plain).subspan(21), out));
            return out;
        };
        Sealer at_counter(keys.server_to_client, entry["counter"].number);
        if (entry["type_byte_20"].number <= 7) {
            ++ambiguous;
            const Buffer sealed = seal(at_counter);
            EXPECT_NE(sealed, expected);
            EXPECT_EQ(std::to_integer<std::size_t>(sealed[kIvBytes - 1]), i + 1) << "the next counter instead";
            continue;
        }
        EXPECT_EQ(seal(at_counter), expected);
    }
    EXPECT_EQ(ambiguous, 6);
}

TEST(CaleVectors, OpensEveryClientFrame) {
    const auto keys = server_keys();
    Opener opener(keys.client_to_server);
    const auto& entries = vectors()["client_to_server"].items;
    ASSERT_EQ(entries.size(), 200u);
    for (const auto& entry : entries) {
        Buffer message = from_hex(entry["encrypted_hex"].text);
        const auto frame = opener.open(message);
        ASSERT_TRUE(frame) << entry["counter"].number;
        EXPECT_EQ(test::to_hex(*frame), entry["plain_hex"].text);
    }
}

}  // namespace
}  // namespace cryo::cale
