#include "websocket/deflate.h"

#include <array>
#include <random>

#include <gtest/gtest.h>

#include "support/ws_cases.h"
#include "support/ws_recorder.h"
#include "websocket/byte_buffer.h"

namespace cryo::test {
namespace {

using websocket::ByteBuffer;
using websocket::DeflateAgreement;
using websocket::DeflateParameters;
using websocket::Deflater;
using websocket::Inflater;
using websocket::negotiate_deflate;

constexpr DeflateOptions kEnabled{.enabled = true};

std::optional<DeflateAgreement> agreement(std::string_view offers, const DeflateOptions& options = kEnabled) {
    return negotiate_deflate(std::array{offers}, options);
}

std::string answer(std::string_view offers, const DeflateOptions& options = kEnabled) {
    const auto agreed = agreement(offers, options);
    return agreed ? agreed->response : "declined";
}

TEST(DeflateNegotiation, IsDeclinedUnlessEnabled) {
    EXPECT_EQ(answer("permessage-deflate", {}), "declined");
    EXPECT_FALSE(negotiate_deflate({}, kEnabled));
    EXPECT_EQ(answer(""), "declined");
}

TEST(DeflateNegotiation, AnswersWhatBrowsersOffer) {
    EXPECT_EQ(answer("permessage-deflate"), "permessage-deflate; server_no_context_takeover");
    const auto agreed = agreement("permessage-deflate; client_max_window_bits");
    ASSERT_TRUE(agreed);
    EXPECT_EQ(agreed->response, "permessage-deflate; server_no_context_takeover");
    EXPECT_EQ(agreed->parameters, DeflateParameters{});
}

TEST(DeflateNegotiation, ContextTakeoverOfTheServer) {
    DeflateOptions options = kEnabled;
    options.server_context_takeover = true;
    EXPECT_EQ(answer("permessage-deflate", options), "permessage-deflate");
    EXPECT_TRUE(agreement("permessage-deflate", options)->parameters.server_context_takeover);
    EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover", options),
              "permessage-deflate; server_no_context_takeover");
}

TEST(DeflateNegotiation, ContextTakeoverOfTheClient) {
    const auto agreed = agreement("permessage-deflate; client_no_context_takeover");
    ASSERT_TRUE(agreed);
    EXPECT_EQ(agreed->response, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    EXPECT_FALSE(agreed->parameters.client_context_takeover);
}

TEST(DeflateNegotiation, WindowOfTheServer) {
    for (int bits = 8; bits <= 15; ++bits) {
        const auto wanted = "server_max_window_bits=" + std::to_string(bits);
        const auto agreed = agreement("permessage-deflate; " + wanted);
        ASSERT_TRUE(agreed);
        EXPECT_EQ(agreed->response, "permessage-deflate; server_no_context_takeover; " + wanted);
        EXPECT_EQ(agreed->parameters.server_max_window_bits, bits);
    }
    EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=15", {.enabled = true, .max_window_bits = 11}),
              "permessage-deflate; server_no_context_takeover; server_max_window_bits=11");
}

TEST(DeflateNegotiation, WindowOfTheClient) {
    EXPECT_EQ(agreement("permessage-deflate; client_max_window_bits=10")->parameters.client_max_window_bits, 10);
    EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=8"),
              "permessage-deflate; server_no_context_takeover; client_max_window_bits=8");
    const DeflateOptions small{.enabled = true, .max_window_bits = 11};
    EXPECT_EQ(answer("permessage-deflate; client_max_window_bits", small),
              "permessage-deflate; server_no_context_takeover; client_max_window_bits=11");
    // A client that did not offer it cannot be told.
    EXPECT_EQ(answer("permessage-deflate", small), "permessage-deflate; server_no_context_takeover");
    EXPECT_EQ(agreement("permessage-deflate", small)->parameters.client_max_window_bits, 15);
    EXPECT_EQ(agreement("permessage-deflate", small)->parameters.server_max_window_bits, 11);
}

TEST(DeflateNegotiation, TakesTheFirstOfferItCanMeet) {
    EXPECT_EQ(answer("x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=7, "
                     "permessage-deflate; server_max_window_bits=10, permessage-deflate"),
              "permessage-deflate; server_no_context_takeover; server_max_window_bits=10");
    const std::array<std::string_view, 3> lines = {"foo; bar=\"a, b; c\"", "broken; =", "permessage-deflate"};
    EXPECT_TRUE(negotiate_deflate(lines, kEnabled));
}

TEST(DeflateNegotiation, ReadsQuotedValuesSpacesAndEmptyElements) {
    EXPECT_EQ(agreement("permessage-deflate;server_max_window_bits=\"10\"")->parameters.server_max_window_bits, 10);
    EXPECT_EQ(agreement("permessage-deflate;server_max_window_bits=\"1\\2\"")->parameters.server_max_window_bits, 12);
    EXPECT_EQ(agreement(" , permessage-deflate ;\tserver_max_window_bits = 9 , ")->parameters.server_max_window_bits,
              9);
    EXPECT_EQ(answer("foo; a=\"\\\",\", permessage-deflate"), "permessage-deflate; server_no_context_takeover");
}

TEST(DeflateNegotiation, DeclinesWhatIsMalformedUnknownOrRepeated) {
    for (const std::string_view parameters : {"unknown",
                                              "unknown=1",
                                              "server_no_context_takeover=1",
                                              "client_no_context_takeover=\"\"",
                                              "server_no_context_takeover; server_no_context_takeover",
                                              "client_no_context_takeover; client_no_context_takeover",
                                              "server_max_window_bits",
                                              "server_max_window_bits=",
                                              "server_max_window_bits=7",
                                              "server_max_window_bits=16",
                                              "server_max_window_bits=010",
                                              "server_max_window_bits=1a",
                                              "server_max_window_bits=+9",
                                              "server_max_window_bits=100",
                                              "server_max_window_bits=9; server_max_window_bits=9",
                                              "client_max_window_bits=",
                                              "client_max_window_bits=7",
                                              "client_max_window_bits=\"\"",
                                              "client_max_window_bits; client_max_window_bits=9",
                                              "",
                                              "=",
                                              "a=\"open",
                                              "a=\"open\\",
                                              "client_max_window_bits garbage",
                                              "server_max_window_bits=9 9"}) {
        EXPECT_EQ(answer("permessage-deflate; " + std::string(parameters)), "declined") << parameters;
    }
    for (const std::string_view offer :
         {"permessage-deflate-2", "x-permessage-deflate", "permessage deflate", ";", "=", "\"\""}) {
        EXPECT_EQ(answer(offer), "declined") << offer;
    }
}

std::string compress(Deflater& deflater, const std::string& message) {
    std::vector<std::byte> out(Deflater::max_compressed_bytes(message.size()));
    const std::size_t size = deflater.compress(std::as_bytes(std::span(message)), out);
    EXPECT_GT(size, 0U) << message.size();
    return to_string(std::span(out).first(size));
}

std::string inflate(Inflater& inflater, const std::string& compressed) {
    ByteBuffer out;
    EXPECT_EQ(inflater.append(std::as_bytes(std::span(compressed)), out, 1 << 24), Inflater::Status::ok);
    EXPECT_EQ(inflater.finish(out, 1 << 24), Inflater::Status::ok);
    return to_string(out.contents());
}

std::vector<std::string> messages() {
    std::vector<std::string> all;
    std::mt19937 random(3);
    for (const std::size_t size : {0U, 1U, 2U, 60U, 1000U, 30'000U, 300'000U}) {
        all.push_back(cases::prose(size));
        all.emplace_back(size, '\0');
        std::string noise(size, '\0');
        for (auto& byte : noise) byte = static_cast<char>(random());
        all.push_back(noise);
        all.push_back(noise);
    }
    return all;
}

TEST(Deflate, RoundTripsWithEveryWindowLevelAndTakeover) {
    for (const bool takeover : {false, true}) {
        for (const int bits : {9, 12, 15}) {
            for (const int level : {1, 6, 9}) {
                Deflater deflater({.level = level}, bits, takeover);
                Inflater inflater(bits, takeover);
                for (const auto& message : messages())
                    ASSERT_EQ(inflate(inflater, compress(deflater, message)), message);
            }
        }
    }
}

TEST(Deflate, APeerWithTheSmallestWindowCanReadIt) {
    // One byte a call, so that zlib has no more to look back to than the window.
    for (const int bits : {8, 9}) {
        Deflater deflater({.level = 9}, bits, false);
        const auto message = cases::prose(5000) + messages()[4 * 4 + 2] + cases::prose(5000);
        auto compressed = compress(deflater, message);
        z_stream stream{};
        ASSERT_EQ(inflateInit2(&stream, -bits), Z_OK);
        stream.next_in = reinterpret_cast<Bytef*>(compressed.data());
        stream.avail_in = static_cast<uInt>(compressed.size());
        std::string back;
        for (char byte = 0; back.size() < message.size(); back += byte) {
            stream.next_out = reinterpret_cast<Bytef*>(&byte);
            stream.avail_out = 1;
            ASSERT_EQ(::inflate(&stream, Z_SYNC_FLUSH), Z_OK) << back.size();
        }
        inflateEnd(&stream);
        EXPECT_EQ(back, message);
    }
}

TEST(Deflate, WithoutTakeoverAMessageServesEveryReceiver) {
    Deflater deflater(kEnabled, 15, false);
    const auto first = compress(deflater, cases::prose(500));
    EXPECT_EQ(compress(deflater, cases::prose(500)), first);
    Inflater inflater(15, true);
    EXPECT_EQ(inflate(inflater, compress(deflater, "other")), "other");
    EXPECT_EQ(inflate(inflater, first), cases::prose(500));
}

TEST(Deflate, WithTakeoverARepeatedMessageIsShort) {
    Deflater deflater(kEnabled, 15, true);
    const auto first = compress(deflater, cases::prose(500));
    EXPECT_LT(compress(deflater, cases::prose(500)).size(), first.size() / 4);
}

TEST(Deflate, GivesUpWhenItDoesNotFitAndWorksAfterwards) {
    for (const bool takeover : {false, true}) {
        Deflater deflater(kEnabled, 15, takeover);
        const auto noise = messages()[4 * 4 + 2];
        std::vector<std::byte> little(100);
        EXPECT_EQ(deflater.compress(std::as_bytes(std::span(noise)), little), 0U);
        EXPECT_EQ(deflater.compress(std::as_bytes(std::span(noise)), {}), 0U);
        Inflater inflater(15, takeover);
        EXPECT_EQ(inflate(inflater, compress(deflater, noise)), noise);
    }
}

TEST(Deflate, ReaderTakesWhatTheDeflaterMakes) {
    Deflater deflater(kEnabled, 15, false);
    WsRecorder recorder;
    recorder.enable_inflation();
    recorder.feed(compressed_frame(kText, compress(deflater, cases::prose(3000))));
    EXPECT_EQ(recorder.events(), std::vector{text(cases::prose(3000))});
}

}  // namespace
}  // namespace cryo::test
