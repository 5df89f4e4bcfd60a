#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "support/utf8_samples.h"
#include "support/ws_frames.h"

/// What a WebSocket server has to make of a client's bytes, as a table: for the codec (the events it reports) and for
/// an echo server on a socket (the frames it answers with). Named by the groups of the Autobahn test suite.
namespace cryo::test {

/// Every case holds for a server with this limit.
inline constexpr std::size_t kCaseMaxMessageBytes = 16U << 20;

struct WsEvent {
    enum class Kind { text, binary, ping, pong, close, failure };
    Kind kind{};
    std::string payload{};   // of close: the reason; of failure: empty
    std::uint16_t code = 0;  // of close and failure

    friend bool operator==(const WsEvent&, const WsEvent&) = default;
};

struct WsCase {
    std::string name{};
    std::string client_bytes{};
    std::vector<WsEvent> expected{};
    bool deflate = false;  // permessage-deflate was negotiated, with client context takeover and a window of 15 bits
};

/// A frame of an echo server. Of a close frame just the first two bytes, if any, are `payload`: the reason is free.
struct WsReply {
    std::uint8_t opcode = 0;
    std::string payload{};

    friend bool operator==(const WsReply&, const WsReply&) = default;
};

inline WsEvent text(std::string payload) { return {WsEvent::Kind::text, std::move(payload)}; }
inline WsEvent binary(std::string payload) { return {WsEvent::Kind::binary, std::move(payload)}; }
inline WsEvent ping(std::string payload) { return {WsEvent::Kind::ping, std::move(payload)}; }
inline WsEvent pong(std::string payload) { return {WsEvent::Kind::pong, std::move(payload)}; }
inline WsEvent closed(std::uint16_t code, std::string reason = {}) {
    return {WsEvent::Kind::close, std::move(reason), code};
}
inline WsEvent failure(std::uint16_t code) { return {WsEvent::Kind::failure, {}, code}; }

inline std::ostream& operator<<(std::ostream& out, const WsEvent& event) {
    constexpr const char* kNames[] = {"text", "binary", "ping", "pong", "close", "failure"};
    return out << kNames[static_cast<int>(event.kind)] << '(' << event.payload.size() << " bytes, code " << event.code
               << ")";
}

/// What an echo server sends for a case. Messages may come compressed where the case has deflate.
inline std::vector<WsReply> echo_replies(const WsCase& test) {
    std::vector<WsReply> replies;
    for (const auto& event : test.expected) {
        switch (event.kind) {
            case WsEvent::Kind::text:
                replies.push_back({kText, event.payload});
                break;
            case WsEvent::Kind::binary:
                replies.push_back({kBinary, event.payload});
                break;
            case WsEvent::Kind::ping:
                replies.push_back({kPong, event.payload});
                break;
            case WsEvent::Kind::pong:
                break;
            case WsEvent::Kind::close:
                replies.push_back({kClose, event.code == 1005 ? std::string() : close_payload(event.code)});
                break;
            case WsEvent::Kind::failure:
                replies.push_back({kClose, close_payload(event.code)});
                break;
        }
    }
    return replies;
}

namespace cases {

inline std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

/// Text of `bytes` ASCII characters that compresses like prose rather than like zeros.
inline std::string prose(std::size_t bytes) {
    std::string out;
    std::uint32_t state = 1;
    while (out.size() < bytes) {
        state = state * 1664525 + 1013904223;
        out += "cryo real time session frame queue topic "[state >> 16 & 31];
    }
    return out;
}

inline void framing(std::vector<WsCase>& all) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 128U, 65535U, 65536U}) {
        const std::string stars(size, '*');
        const std::string bytes(size, '\xfe');
        all.push_back({"1.1 text of " + std::to_string(size), frame(kText, stars), {text(stars)}});
        all.push_back({"1.2 binary of " + std::to_string(size), frame(kBinary, bytes), {binary(bytes)}});
    }
    all.push_back({"1.3 several in one read",
                   frame(kText, "a") + frame(kBinary, "b") + frame(kText, ""),
                   {text("a"), binary("b"), text("")}});
    all.push_back({"1.4 zero masking key", frame(kText, "plain", {.key = {}}), {text("plain")}});
    all.push_back({"1.5 unmasked", frame(kText, "Hello", {.masked = false}), {failure(1002)}});
    all.push_back({"1.5 unmasked after a good one",
                   frame(kText, "a") + frame(kPing, "", {.masked = false}),
                   {text("a"), failure(1002)}});
    const auto forced = [](std::size_t size, int length_bytes) {
        return frame(kBinary, std::string(size, 'x'), {.length_bytes = length_bytes});
    };
    all.push_back({"1.6 16-bit length for 125", forced(125, 2), {failure(1002)}});
    all.push_back({"1.6 64-bit length for 125", forced(125, 8), {failure(1002)}});
    all.push_back({"1.6 64-bit length for 65535", forced(65535, 8), {failure(1002)}});
    all.push_back({"1.6 16-bit length for 0", forced(0, 2), {failure(1002)}});
    all.push_back(
        {"1.6 top bit of the length", frame(kBinary, "", {.announced = std::uint64_t{1} << 63}), {failure(1002)}});
}

inline void pings(std::vector<WsCase>& all) {
    const std::string odd("\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 8);
    const std::string longest(125, '\xfe');
    all.push_back({"2.1 empty ping", frame(kPing, ""), {ping("")}});
    all.push_back({"2.2 ping with text", frame(kPing, "Hello, world!"), {ping("Hello, world!")}});
    all.push_back({"2.3 ping with bytes that are no text", frame(kPing, odd), {ping(odd)}});
    all.push_back({"2.4 longest ping", frame(kPing, longest), {ping(longest)}});
    all.push_back({"2.5 ping too long", frame(kPing, longest + "x"), {failure(1002)}});
    all.push_back({"2.5 ping with a 64-bit length", frame(kPing, "abc", {.length_bytes = 8}), {failure(1002)}});
    all.push_back({"2.7 empty pong nobody asked for", frame(kPong, ""), {pong("")}});
    all.push_back({"2.8 pong nobody asked for", frame(kPong, "unasked"), {pong("unasked")}});
    all.push_back({"2.9 pong, then ping", frame(kPong, "unasked") + frame(kPing, "p"), {pong("unasked"), ping("p")}});
    WsCase ten{"2.10 ten pings"};
    for (int i = 0; i < 10; ++i) {
        ten.client_bytes += frame(kPing, "payload-" + std::to_string(i));
        ten.expected.push_back(ping("payload-" + std::to_string(i)));
    }
    all.push_back(ten);
}

inline void reserved(std::vector<WsCase>& all) {
    for (std::uint8_t rsv = 1; rsv < 8; ++rsv) {
        const auto name = "3 rsv " + std::to_string(rsv);
        for (const std::uint8_t opcode : {kText, kBinary, kPing, kPong, kClose}) {
            all.push_back({name + ", opcode " + std::to_string(opcode),
                           frame(kText, "a") + frame(opcode, "", {.rsv = rsv}),
                           {text("a"), failure(1002)}});
        }
        all.push_back({name + " on a continuation",
                       fragment(kText, "a") + frame(kContinuation, "b", {.rsv = rsv}),
                       {failure(1002)}});
    }
    for (const int code : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
        const auto opcode = static_cast<std::uint8_t>(code);
        const auto name = "4 opcode " + std::to_string(code);
        all.push_back({name, frame(opcode, ""), {failure(1002)}});
        all.push_back({name + " after a text",
                       frame(kText, "a") + frame(opcode, "b") + frame(kPing, ""),
                       {text("a"), failure(1002)}});
    }
}

inline void fragmentation(std::vector<WsCase>& all) {
    all.push_back({"5.1 fragmented ping", fragment(kPing, "a") + frame(kContinuation, "b"), {failure(1002)}});
    all.push_back({"5.2 fragmented pong", fragment(kPong, "a") + frame(kContinuation, "b"), {failure(1002)}});
    all.push_back(
        {"5.3 two fragments", fragment(kText, "frag1") + frame(kContinuation, "frag2"), {text("frag1frag2")}});
    all.push_back({"5.6 ping between fragments",
                   fragment(kText, "frag1") + frame(kPing, "p") + frame(kContinuation, "frag2"),
                   {ping("p"), text("frag1frag2")}});
    all.push_back({"5.7 pong and ping between fragments",
                   fragment(kBinary, "1") + frame(kPong, "q") + fragment(kContinuation, "2") +
                       frame(kPing, std::string(125, 'p')) + frame(kContinuation, "3") + frame(kText, "next"),
                   {pong("q"), ping(std::string(125, 'p')), binary("123"), text("next")}});
    for (const bool final : {true, false}) {
        all.push_back({"5.9 continuation of nothing",
                       frame(kContinuation, "x", {.final = final}) + frame(kText, "a"),
                       {failure(1002)}});
        all.push_back({"5.10 continuation after a whole message",
                       frame(kText, "a") + frame(kContinuation, "x", {.final = final}),
                       {text("a"), failure(1002)}});
        all.push_back({"5.15 continuation after the last fragment",
                       fragment(kText, "a") + frame(kContinuation, "b") + frame(kContinuation, "c", {.final = final}),
                       {text("ab"), failure(1002)}});
        all.push_back({"5.18 text inside a message",
                       fragment(kText, "a") + frame(kText, "b", {.final = final}),
                       {failure(1002)}});
        all.push_back({"5.18 binary inside a message",
                       fragment(kText, "a") + frame(kBinary, "b", {.final = final}),
                       {failure(1002)}});
    }
    all.push_back({"5.19 two messages with pings between their fragments",
                   fragment(kText, "1") + fragment(kContinuation, "2") + frame(kPing, "p1") +
                       fragment(kContinuation, "3") + frame(kPing, "p2") + frame(kContinuation, "4") +
                       fragment(kText, "5") + frame(kPing, "p3") + frame(kContinuation, "6"),
                   {ping("p1"), ping("p2"), text("1234"), ping("p3"), text("56")}});
    all.push_back({"5.20 a fragment a byte", fragments(kText, prose(300), 1), {text(prose(300))}});
    all.push_back({"5.21 empty fragments",
                   fragment(kText, "") + fragment(kContinuation, "") + frame(kContinuation, ""),
                   {text("")}});
    all.push_back({"5.22 empty fragments around one with text",
                   fragment(kText, "") + fragment(kContinuation, "mid") + frame(kContinuation, ""),
                   {text("mid")}});
}

inline void utf8(std::vector<WsCase>& all) {
    for (const auto& [name, sequence] : good_utf8()) {
        // Alone; cut between any two bytes; in the middle of enough text for the vectorised check.
        all.push_back({"6.2 good: " + name, frame(kText, sequence), {text(sequence)}});
        all.push_back({"6.2 good, a fragment a byte: " + name, fragments(kText, sequence, 1), {text(sequence)}});
        const auto framed = std::string(61, 'a') + sequence + std::string(70, 'b') + sequence;
        all.push_back({"6.2 good, in long text: " + name, frame(kText, framed), {text(framed)}});
    }
    for (const auto& [name, sequence] : broken_utf8()) {
        all.push_back({"6.3 broken: " + name, frame(kText, sequence), {failure(1007)}});
        all.push_back({"6.3 broken, as binary: " + name, frame(kBinary, sequence), {binary(sequence)}});
        all.push_back({"6.3 broken, in long text: " + name,
                       frame(kText, std::string(62, 'a') + sequence + std::string(70, 'b')),
                       {failure(1007)}});
        all.push_back(
            {"6.4 at once, in an unfinished message: " + name, fragment(kText, "ok" + sequence), {failure(1007)}});
        all.push_back({"6.4 at once, in a later fragment: " + name,
                       fragment(kText, "ok") + fragment(kContinuation, sequence),
                       {failure(1007)}});
        all.push_back({"6.4 at once, in an unfinished frame: " + name,
                       frame(kText, sequence, {.announced = sequence.size() + 1000}),
                       {failure(1007)}});
        all.push_back({"6.4 at once, in a long unfinished frame: " + name,
                       frame(kText, std::string(200, 'x') + sequence, {.announced = 70000}),
                       {failure(1007)}});
    }
    for (const std::string sequence : {"\xc3", "\xe1\xbd", "\xe1", "\xf0", "\xf0\x90", "\xf0\x90\x80"}) {
        all.push_back({"6.5 ends inside a character", frame(kText, "ab" + sequence), {failure(1007)}});
        all.push_back(
            {"6.5 ends inside a character, long", frame(kText, std::string(100, 'a') + sequence), {failure(1007)}});
        all.push_back({"6.5 last fragment ends inside a character",
                       fragment(kText, std::string(80, 'a')) + frame(kContinuation, sequence),
                       {failure(1007)}});
        all.push_back({"6.5 the next message does not go on with it",
                       frame(kBinary, sequence) + frame(kText, "\x80"),
                       {binary(sequence), failure(1007)}});
    }
    all.push_back({"6.6 F4 may still become valid",
                   fragment(kText, "\xf4") + frame(kContinuation, "\x8f\xbf\xbf"),
                   {text("\xf4\x8f\xbf\xbf")}});
    all.push_back({"6.6 a ping inside a character",
                   fragment(kText, "\xe1") + frame(kPing, "\xff") + frame(kContinuation, "\xbd\xb9"),
                   {ping("\xff"), text("\xe1\xbd\xb9")}});
}

inline void closing(std::vector<WsCase>& all) {
    all.push_back({"7.1 close", frame(kText, "a") + close_frame(1000), {text("a"), closed(1000)}});
    all.push_back({"7.1 two closes", close_frame(1000) + close_frame(1001), {closed(1000)}});
    all.push_back({"7.1 nothing counts behind a close",
                   close_frame(1000) + frame(kPing, "p") + frame(kText, "t"),
                   {closed(1000)}});
    all.push_back({"7.1 not even what is wrong", close_frame(1001) + frame(3, "", {.masked = false}), {closed(1001)}});
    all.push_back({"7.1 close inside a message",
                   fragment(kText, "a") + close_frame(1000) + frame(kContinuation, "b"),
                   {closed(1000)}});
    all.push_back({"7.3 without a payload", frame(kClose, ""), {closed(1005)}});
    all.push_back({"7.3 with one byte", frame(kClose, "\x03"), {failure(1002)}});
    all.push_back({"7.3 with a reason", close_frame(1000, "bye"), {closed(1000, "bye")}});
    all.push_back({"7.3 with the longest reason",
                   close_frame(1000, std::string(123, '*')),
                   {closed(1000, std::string(123, '*'))}});
    all.push_back({"7.3 with a reason too long", close_frame(1000, std::string(124, '*')), {failure(1002)}});
    all.push_back({"7.3 fragmented", fragment(kClose, close_payload(1000)), {failure(1002)}});
    all.push_back({"7.5 reason that is no text", close_frame(1000, "\xce\xba\xed\xa0\x80"), {failure(1007)}});
    all.push_back(
        {"7.5 reason that ends inside a character", close_frame(1000, std::string(90, 'r') + "\xce"), {failure(1007)}});
    for (const int code :
         {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
        const auto valid = static_cast<std::uint16_t>(code);
        all.push_back({"7.7 code " + std::to_string(code), close_frame(valid), {closed(valid)}});
    }
    for (const int code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
        all.push_back({"7.9 code " + std::to_string(code),
                       close_frame(static_cast<std::uint16_t>(code), "why"),
                       {failure(1002)}});
    }
}

inline void sizes(std::vector<WsCase>& all) {
    for (const std::size_t size : {64U << 10, 256U << 10, 1U << 20}) {
        const auto body = prose(size);
        all.push_back({"9.1 text of " + std::to_string(size), frame(kText, body), {text(body)}});
        all.push_back(
            {"9.3 text in fragments of 4096, " + std::to_string(size), fragments(kText, body, 4096), {text(body)}});
    }
    const auto body = prose(100'000);
    all.push_back({"9.4 binary in fragments of 64", fragments(kBinary, body, 64), {binary(body)}});
    all.push_back({"10.1 text in fragments of 1300", fragments(kText, prose(65536), 1300), {text(prose(65536))}});
    all.push_back({"9.9 one byte over the limit is refused on sight",
                   frame(kText, "", {.announced = kCaseMaxMessageBytes + 1}),
                   {failure(1009)}});
    all.push_back(
        {"9.9 so is the longest length", frame(kBinary, "", {.announced = ~std::uint64_t{0} >> 1}), {failure(1009)}});
    all.push_back({"9.9 fragments together over the limit",
                   fragment(kBinary, "x") + frame(kContinuation, "", {.announced = kCaseMaxMessageBytes}),
                   {failure(1009)}});
}

inline void compression(std::vector<WsCase>& all) {
    const auto add = [&all](std::string name, std::string bytes, std::vector<WsEvent> expected) {
        all.push_back({"12 " + std::move(name), std::move(bytes), std::move(expected), true});
    };
    for (const std::size_t size : {0U, 1U, 16U, 64U, 256U, 1024U, 4096U, 8192U, 32768U, 131072U}) {
        const auto body = prose(size);
        const auto name = std::to_string(size);
        ClientDeflater deflater;
        std::string bytes;
        for (int i = 0; i < 3; ++i) bytes += compressed_frame(kText, deflater(body));
        add("three texts with context, " + name, bytes, {text(body), text(body), text(body)});
        add("fragments of 256, " + name, fragments(kBinary, ClientDeflater()(body), 256, kRsv1), {binary(body)});
        add("window of 9 bits, " + name, compressed_frame(kText, ClientDeflater(9)(body)), {text(body)});
        add("stored, " + name, compressed_frame(kText, ClientDeflater(15, 0)(body)), {text(body)});
    }
    add("without context",
        compressed_frame(kText, ClientDeflater()("one")) + compressed_frame(kText, ClientDeflater()("one")),
        {text("one"), text("one")});
    ClientDeflater deflater;
    std::string final_blocks = compressed_frame(kText, deflater.final_block("Hello"));
    final_blocks += compressed_frame(kText, deflater("Hello"));
    add("final block", final_blocks, {text("Hello"), text("Hello")});
    add("RFC 7692 7.2.3.1", compressed_frame(kText, std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)), {text("Hello")});
    add("RFC 7692 7.2.3.2",
        compressed_frame(kText, std::string("\xf2\x48\xcd\xc9\xc9\x07\x00", 7)) +
            compressed_frame(kText, std::string("\xf2\x00\x11\x00\x00", 5)),
        {text("Hello"), text("Hello")});
    add("RFC 7692 7.2.3.3", compressed_frame(kText, std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11)),
        {text("Hello")});
    add("RFC 7692 7.2.3.4", compressed_frame(kText, std::string("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8)),
        {text("Hello")});
    add("RFC 7692 7.2.3.5",
        compressed_frame(kText, std::string("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13)),
        {text("Hello")});
    add("plain among compressed",
        frame(kText, "plain") + compressed_frame(kBinary, ClientDeflater()("packed")) + frame(kText, "plain"),
        {text("plain"), binary("packed"), text("plain")});
    const auto packed = ClientDeflater()(prose(500));
    add("ping between fragments",
        frame(kText, packed.substr(0, 50), {.final = false, .rsv = kRsv1}) + frame(kPing, "p") +
            frame(kContinuation, packed.substr(50)),
        {ping("p"), text(prose(500))});
    add("empty first and last fragment",
        frame(kText, "", {.final = false, .rsv = kRsv1}) + fragment(kContinuation, packed) + frame(kContinuation, ""),
        {text(prose(500))});
    add("close between fragments",
        frame(kText, packed.substr(0, 50), {.final = false, .rsv = kRsv1}) + close_frame(1000), {closed(1000)});
    add("RSV1 on a continuation",
        frame(kText, packed, {.final = false, .rsv = kRsv1}) + frame(kContinuation, "", {.rsv = kRsv1}),
        {failure(1002)});
    add("RSV1 on a ping", frame(kPing, "", {.rsv = kRsv1}), {failure(1002)});
    add("RSV2 with RSV1", frame(kText, packed, {.rsv = 6}), {failure(1002)});
    add("not deflate at all", compressed_frame(kText, "\xff\xff\xff\xff"), {failure(1007)});
    add("cut inside a block", compressed_frame(kText, packed.substr(0, packed.size() / 2)), {failure(1007)});
    add("cut inside a stored block",
        compressed_frame(kBinary, std::string("\x00\x64\x00\x9b\xff"
                                              "abc",
                                              8)),
        {failure(1007)});
    add("no bytes at all", compressed_frame(kText, ""), {failure(1007)});
    add("refers to what never was", compressed_frame(kText, std::string("\xf2\x00\x11\x00\x00", 5)), {failure(1007)});
    add("broken UTF-8", compressed_frame(kText, ClientDeflater()(prose(200) + "\xed\xa0\x80")), {failure(1007)});
    add("broken UTF-8 as binary", compressed_frame(kBinary, ClientDeflater()("\xed\xa0\x80")),
        {binary("\xed\xa0\x80")});
    add("ends inside a character", compressed_frame(kText, ClientDeflater()("abc\xe1\xbd")), {failure(1007)});
    add("character across fragments", fragments(kText, ClientDeflater(15, 0)(repeated("\xe1\xbd\xb9", 90)), 1, kRsv1),
        {text(repeated("\xe1\xbd\xb9", 90))});
    const std::string limit(kCaseMaxMessageBytes, 'x');
    add("inflates to the limit", compressed_frame(kText, ClientDeflater()(limit)), {text(limit)});
    add("inflates to one byte more", compressed_frame(kText, ClientDeflater()(limit + "x")), {failure(1009)});
    add("a bomb in fragments", fragments(kBinary, ClientDeflater()(limit + limit), 100, kRsv1), {failure(1009)});
}

}  // namespace cases

inline std::vector<WsCase> ws_cases() {
    std::vector<WsCase> all;
    for (const auto add : {cases::framing, cases::pings, cases::reserved, cases::fragmentation, cases::utf8,
                           cases::closing, cases::sizes, cases::compression}) {
        add(all);
    }
    return all;
}

}  // namespace cryo::test
