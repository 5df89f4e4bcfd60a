#include "websocket/frame.h"

#include <array>

#include <gtest/gtest.h>

#include "support/ws_recorder.h"
#include "websocket/close_code.h"

namespace cryo::test {
namespace {

using websocket::Opcode;

TEST(Frame, HeaderIsTheShortest) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65535U, 65536U, 16U << 20}) {
        std::array<std::byte, websocket::kMaxServerHeaderBytes> header{};
        const std::size_t length = websocket::write_frame_header(header.data(), Opcode::binary, size);
        EXPECT_EQ(to_string(std::span(header).first(length)), frame(kBinary, "", {.masked = false, .announced = size}))
            << size;
    }
}

TEST(Frame, HeaderCarriesOpcodeAndCompression) {
    std::array<std::byte, websocket::kMaxServerHeaderBytes> header{};
    ASSERT_EQ(websocket::write_frame_header(header.data(), Opcode::text, 5, true), 2U);
    EXPECT_EQ(header[0], std::byte{0xc1});
    ASSERT_EQ(websocket::write_frame_header(header.data(), Opcode::pong, 5), 2U);
    EXPECT_EQ(header[0], std::byte{0x8a});
}

TEST(CloseCode, OnlyThoseThatTheRegistryAllowsGoOnTheWire) {
    const auto expected = [](int code) {
        return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code < 5000);
    };
    for (int code = 0; code <= 0xffff; ++code) {
        ASSERT_EQ(websocket::close_code::is_valid_on_wire(static_cast<std::uint16_t>(code)), expected(code)) << code;
    }
}

}  // namespace
}  // namespace cryo::test
