#include "envelope.h"

#include <string>

#include <gtest/gtest.h>

namespace cryo::cluster {
namespace {

constexpr EnvelopeKind kAllKinds[] = {EnvelopeKind::hello,    EnvelopeKind::heartbeat,   EnvelopeKind::goodbye,
                                      EnvelopeKind::obituary, EnvelopeKind::publication, EnvelopeKind::message,
                                      EnvelopeKind::question, EnvelopeKind::answer,      EnvelopeKind::decline};

Envelope sample(EnvelopeKind kind) {
    Envelope envelope{.kind = kind, .epoch = 0x0102030405060708, .sequence = 300, .back = 299, .sender = "node-1"};
    if (has_port(kind)) envelope.port = "hub";
    if (has_number(kind)) envelope.number = 0xfffefdfcfbfaf9f8;
    if (has_payload(kind)) envelope.payload = as_bytes("hello");
    return envelope;
}

std::vector<std::byte> encoded(const Envelope& envelope) {
    std::vector<std::byte> bytes;
    encode_envelope(envelope, bytes);
    return bytes;
}

TEST(Envelope, EveryKindComesBackAsItWas) {
    for (const auto kind : kAllKinds) {
        const auto sent = sample(kind);
        const auto bytes = encoded(sent);
        EXPECT_LE(bytes.size(), kMaxEnvelopeOverhead + sent.payload.size());
        const auto got = decode_envelope(bytes);
        ASSERT_TRUE(got) << static_cast<int>(kind);
        EXPECT_EQ(got->kind, sent.kind);
        EXPECT_EQ(got->epoch, sent.epoch);
        EXPECT_EQ(got->sequence, sent.sequence);
        EXPECT_EQ(got->back, sent.back);
        EXPECT_EQ(got->sender, sent.sender);
        EXPECT_EQ(got->port, sent.port);
        EXPECT_EQ(got->number, sent.number);
        EXPECT_EQ(as_text(got->payload), as_text(sent.payload));
    }
}

TEST(Envelope, TheWireFormIsThatOfTheSpecification) {
    const auto bytes = encoded({.kind = EnvelopeKind::message,
                                .epoch = 0x0807060504030201,
                                .sequence = 2,
                                .back = 1,
                                .sender = "ab",
                                .port = "p",
                                .payload = as_bytes("xyz")});
    const std::string expected(
        "\xC2\x01\x06\x02"
        "\x01\x02\x03\x04\x05\x06\x07\x08"
        "\x02\x00\x00\x00\x00\x00\x00\x00"
        "\x01\x00\x00\x00"
        "ab\x01pxyz",
        31);
    EXPECT_EQ(as_text(bytes), expected);
}

TEST(Envelope, NoneIsAcceptedCutShort) {
    for (const auto kind : kAllKinds) {
        auto envelope = sample(kind);
        envelope.payload = {};
        const auto bytes = encoded(envelope);
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            EXPECT_FALSE(decode_envelope(Bytes(bytes).first(length))) << static_cast<int>(kind) << ' ' << length;
        }
        EXPECT_TRUE(decode_envelope(bytes));
    }
}

TEST(Envelope, OnlyKindsWithAPayloadMayHaveMore) {
    for (const auto kind : kAllKinds) {
        auto bytes = encoded(sample(kind));
        bytes.push_back(std::byte{1});
        EXPECT_EQ(decode_envelope(bytes).has_value(), has_payload(kind)) << static_cast<int>(kind);
    }
}

TEST(Envelope, RefusesOtherVersionsKindsAndNames) {
    const auto good = encoded(sample(EnvelopeKind::message));
    const auto with = [&](std::size_t at, int value) {
        auto bytes = good;
        bytes[at] = static_cast<std::byte>(value);
        return decode_envelope(bytes).has_value();
    };
    EXPECT_TRUE(with(0, 0xC2));
    EXPECT_FALSE(with(0, 0xC3));
    EXPECT_FALSE(with(1, 2));
    EXPECT_FALSE(with(2, 0));
    EXPECT_FALSE(with(2, 10));
    EXPECT_FALSE(with(3, 0));     // nobody
    EXPECT_FALSE(with(3, 65));    // longer than names, and than the message
    EXPECT_FALSE(with(24, ' '));  // in the sender's name
    EXPECT_FALSE(with(30, 0));    // no port
    EXPECT_FALSE(with(31, ':'));  // in the port's name
}

TEST(Envelope, RefusesNumbersThatNoSenderGives) {
    auto envelope = sample(EnvelopeKind::hello);
    envelope.epoch = 0;
    EXPECT_FALSE(decode_envelope(encoded(envelope)));
    envelope = sample(EnvelopeKind::hello);
    envelope.sequence = 0;
    envelope.back = 0;
    EXPECT_FALSE(decode_envelope(encoded(envelope)));
    envelope.sequence = 5;
    envelope.back = 5;  // the one before would have number 0
    EXPECT_FALSE(decode_envelope(encoded(envelope)));
}

}  // namespace
}  // namespace cryo::cluster
