#include <array>
#include <map>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include <cryo/protocol/frame.h>

#include "support/hex.h"
#include "support/json.h"

namespace cryo::protocol {
namespace {

using test::Buffer;

FrameType type_named(const std::string& name) {
    static const std::map<std::string, FrameType> types{
        {"ack", FrameType::ack},
        {"error", FrameType::error},
        {"ping_pong", FrameType::ping_pong},
        {"utf8data", FrameType::utf8data},
        {"binarydata", FrameType::binarydata},
        {"server_hello", FrameType::server_hello},
        {"client_hello", FrameType::client_hello},
        {"handshake_done", FrameType::handshake_done},
    };
    return types.at(name);
}

Buffer payload_of(const test::Json& entry) {
    if (entry.has("payload_utf8")) return test::to_buffer(entry["payload_utf8"].text);
    if (entry.has("payload_hex")) return test::from_hex(entry["payload_hex"].text);
    return {};
}

Buffer encode(const FrameHeader& header, Bytes payload) {
    Buffer message(kFrameHeaderBytes);
    write_header(message.data(), header);
    message.insert(message.end(), payload.begin(), payload.end());
    return message;
}

TEST(Frame, MatchesEveryRecordedFrame) {
    const auto vectors = test::JsonReader::file(CRYO_TEST_VECTORS "/cryo-frames.json");
    ASSERT_EQ(vectors["frames"].items.size(), 288u);
    for (const auto& entry : vectors["frames"].items) {
        SCOPED_TRACE(entry["hex"].text);
        const Buffer wire = test::from_hex(entry["hex"].text);
        const Buffer payload = payload_of(entry);
        const FrameHeader header{SessionId::parse(entry["sid"].text).value(),
                                 static_cast<std::uint32_t>(entry["ack"].number), type_named(entry["type"].text)};
        EXPECT_EQ(encode(header, payload), wire);

        const auto parsed = parse_frame(wire);
        const auto* frame = std::get_if<FrameView>(&parsed);
        ASSERT_NE(frame, nullptr);
        EXPECT_EQ(frame->header, header);
        EXPECT_EQ(Buffer(frame->payload.begin(), frame->payload.end()), payload);
    }
}

TEST(Frame, PayloadLiesInTheMessage) {
    const Buffer wire = encode({{}, 1, FrameType::binarydata}, as_bytes("abc"));
    const auto parsed = parse_frame(wire);
    EXPECT_EQ(std::get<FrameView>(parsed).payload.data(), wire.data() + kFrameHeaderBytes);
}

TEST(Frame, RefusesWhatIsShorterThanAHeader) {
    const Buffer wire(kFrameHeaderBytes, std::byte{0});
    for (std::size_t size = 0; size < kFrameHeaderBytes; ++size) {
        const auto parsed = parse_frame(Bytes(wire).first(size));
        EXPECT_EQ(std::get<FrameError>(parsed), (FrameError{FrameError::Reason::too_short}));
    }
    EXPECT_TRUE(std::holds_alternative<FrameView>(parse_frame(wire)));
}

TEST(Frame, RefusesUnknownTypesAndNamesTheAckId) {
    for (unsigned type = 8; type < 256; ++type) {
        const Buffer wire = encode({{}, 0x01020304, static_cast<FrameType>(type)}, {});
        EXPECT_EQ(std::get<FrameError>(parse_frame(wire)), (FrameError{FrameError::Reason::unknown_type, 0x01020304}));
    }
}

TEST(Frame, AckIdsUseAll32Bits) {
    for (const std::uint32_t id : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
        const Buffer wire = encode({{}, id, FrameType::ack}, {});
        EXPECT_EQ(std::get<FrameView>(parse_frame(wire)).header.ack_id, id);
    }
}

}  // namespace
}  // namespace cryo::protocol
