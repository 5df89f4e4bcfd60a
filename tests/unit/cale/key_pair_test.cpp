#include "cale/key_pair.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "support/hex.h"

namespace cryo::cale {
namespace {

using test::Buffer;

Buffer key_of(const KeyPair& pair) { return {pair.public_key().begin(), pair.public_key().end()}; }

TEST(KeyPair, BothSidesDeriveTheSameKeys) {
    const auto a = KeyPair::generate(), b = KeyPair::generate();
    ASSERT_TRUE(a && b);
    const auto left = a->derive(b->public_key()), right = b->derive(a->public_key());
    ASSERT_TRUE(left && right);
    EXPECT_EQ(left->server_to_client, right->server_to_client);
    EXPECT_EQ(left->client_to_server, right->client_to_server);
    EXPECT_NE(left->server_to_client, left->client_to_server);
}

TEST(KeyPair, IsFreshEachTime) { EXPECT_NE(KeyPair::generate()->public_key(), KeyPair::generate()->public_key()); }

TEST(KeyPair, RefusesKeysOfTheWrongLength) {
    const auto own = KeyPair::generate();
    Buffer key = key_of(*KeyPair::generate());
    for (std::size_t size = 0; size < key.size(); ++size) EXPECT_FALSE(own->derive(Bytes(key).first(size)));
    key.push_back(std::byte{0});
    EXPECT_FALSE(own->derive(key));
}

TEST(KeyPair, RefusesEveryFormatButUncompressed) {
    const auto own = KeyPair::generate();
    Buffer key = key_of(*KeyPair::generate());
    for (unsigned format = 0; format < 256; ++format) {
        key[0] = static_cast<std::byte>(format);
        EXPECT_EQ(own->derive(key).has_value(), format == 4) << format;
    }
}

TEST(KeyPair, RefusesPointsOffTheCurve) {
    const auto own = KeyPair::generate();
    const Buffer key = key_of(*KeyPair::generate());
    for (std::size_t i = 1; i < key.size(); ++i) {
        Buffer wrong = key;
        wrong[i] ^= std::byte{1};
        EXPECT_FALSE(own->derive(wrong)) << i;
    }
    Buffer zero(kPublicKeyBytes, std::byte{0});
    zero[0] = std::byte{4};
    EXPECT_FALSE(own->derive(zero)) << "x = y = 0, which some libraries take for infinity";
    Buffer large(kPublicKeyBytes, std::byte{0xff});
    large[0] = std::byte{4};
    EXPECT_FALSE(own->derive(large)) << "coordinates above the field's prime";
}

TEST(KeyPair, LeavesNoOpensslErrorBehind) {
    const auto own = KeyPair::generate();
    EXPECT_FALSE(own->derive(Buffer(kPublicKeyBytes, std::byte{4})));
    EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace cryo::cale
