#pragma once

#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "http/request_parser.h"

namespace cryo::http {

using State = RequestParser::State;

/// Everything a parser says about an input, by value.
struct Outcome {
    State state{};
    std::size_t consumed = 0;
    int status = 0;
    std::string text{};
    std::string method{}, target{}, path{}, query{}, body{};
    std::vector<HttpHeader> headers{};
    int minor_version = 1;
    bool keep_alive = true, expect_continue = false, upgrade_websocket = false;

    bool operator==(const Outcome&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    return out << "state " << static_cast<int>(outcome.state) << ", consumed " << outcome.consumed << ", "
               << outcome.status << ' ' << outcome.text << ", " << outcome.method << ' ' << outcome.target << ", body '"
               << outcome.body << "'";
}

inline Outcome outcome_of(const RequestParser& parser, std::size_t consumed) {
    Outcome outcome{.state = parser.state(), .consumed = consumed};
    outcome.status = parser.failure().status;
    outcome.text = parser.failure().text;
    if (outcome.state != State::complete) return outcome;
    const auto& request = parser.request();
    outcome.method = request.method;
    outcome.target = request.target;
    outcome.path = request.path;
    outcome.query = request.query;
    outcome.body = as_text(request.body);
    for (const auto& header : request.headers) {
        outcome.headers.push_back({std::string(header.name), std::string(header.value)});
    }
    outcome.minor_version = request.minor_version;
    outcome.keep_alive = request.keep_alive;
    outcome.expect_continue = request.expect_continue;
    outcome.upgrade_websocket = request.upgrade_websocket;
    return outcome;
}

/// Feeds `input` in pieces of the sizes that `next_size` gives. Each piece is a copy that is gone when the next comes.
template <class NextSize>
Outcome feed(std::string_view input, const HttpLimits& limits, NextSize next_size) {
    RequestParser parser(limits);
    std::size_t position = 0;
    while (position < input.size() && parser.state() == State::need_more) {
        const std::string piece(input.substr(position, next_size()));
        std::size_t consumed = 0;
        parser.consume(as_bytes(piece), consumed);
        position += consumed;
    }
    return outcome_of(parser, position);
}

/// What the parser makes of `input`, which must not depend on how it arrives.
inline Outcome parse(std::string_view input, const HttpLimits& limits = {}) {
    const auto whole = feed(input, limits, [&] { return input.size(); });
    EXPECT_EQ(whole, feed(input, limits, [] { return std::size_t{1}; })) << "byte by byte: " << input;
    std::mt19937 random(static_cast<unsigned>(input.size()));
    for (int round = 0; round < 5; ++round) {
        const auto cut = feed(input, limits, [&] { return std::size_t{1} + random() % 23; });
        EXPECT_EQ(whole, cut) << "cut at random: " << input;
    }
    return whole;
}

inline std::string get(std::string_view headers) {
    return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n";
}

inline std::string post(std::string_view headers, std::string_view body) {
    return "POST /p HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

inline std::string chunked(std::string_view body) { return post("Transfer-Encoding: chunked\r\n", body); }

}  // namespace cryo::http
