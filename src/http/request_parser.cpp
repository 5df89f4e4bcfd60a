#include "http/request_parser.h"

#include <algorithm>

#include "http/chars.h"
#include "http/request_head.h"

namespace cryo::http {
namespace {
constexpr std::size_t kUsualHeadBytes = 1024;
constexpr std::size_t kUsualHeaders = 16;
}  // namespace

RequestParser::State RequestParser::consume(Bytes data, std::size_t& consumed) {
    consumed = 0;
    while (consumed < data.size() && state() == State::need_more) {
        started_ = true;
        const auto rest = data.subspan(consumed);
        switch (phase_) {
            case Phase::request_line:
            case Phase::headers:
                consumed += read_head(rest);
                break;
            case Phase::fixed_body:
                consumed += read_fixed_body(rest);
                break;
            case Phase::chunked_body:
                consumed += read_chunked_body(rest);
                break;
            case Phase::complete:
            case Phase::failed:
                break;
        }
    }
    return state();
}

RequestParser::State RequestParser::state() const noexcept {
    if (phase_ == Phase::complete) return State::complete;
    return phase_ == Phase::failed ? State::failed : State::need_more;
}

bool RequestParser::wants_continue() const noexcept {
    const bool awaits_body = phase_ == Phase::fixed_body || phase_ == Phase::chunked_body;
    return awaits_body && request_.expect_continue && !body_started_;
}

void RequestParser::reset() {
    request_.wipe();
    *this = RequestParser(limits_);
}

/// Keeps the bytes of the head line by line, so that a bad first line is refused before the rest has come.
std::size_t RequestParser::read_head(Bytes data) {
    auto& head = request_.head;
    if (head.empty()) head.reserve(std::min(data.size(), kUsualHeadBytes));
    std::size_t used = 0;
    std::size_t kept = 0;
    while (used < data.size() && (phase_ == Phase::request_line || phase_ == Phase::headers)) {
        if (!saw_cr_) {
            used += take_text(data.subspan(used));
            if (used == data.size() || phase_ == Phase::failed) break;
            const auto c = static_cast<char>(data[used++]);
            saw_cr_ = c == '\r';
            if (!saw_cr_) fail({400, c == '\n' ? "bare LF in the head" : "control character in the head"});
            continue;
        }
        if (static_cast<char>(data[used++]) != '\n') {
            fail({400, "bare CR in the head"});
            break;
        }
        saw_cr_ = false;
        const auto line = as_text(data.subspan(kept, used - kept));
        head.insert(head.end(), line.begin(), line.end());
        kept = used;
        end_line();
    }
    const auto rest = as_text(data.subspan(kept, used - kept));
    head.insert(head.end(), rest.begin(), rest.end());
    return used;
}

/// Counts the bytes before the next control character, up to the limit of the section.
std::size_t RequestParser::take_text(Bytes data) {
    const std::size_t limit = phase_ == Phase::headers ? limits_.max_header_bytes : limits_.max_request_line_bytes;
    const auto text = as_text(data.first(std::min(data.size(), limit - section_bytes_ + 1)));
    const auto end = std::find_if_not(text.begin(), text.end(), is_field_text);
    const auto length = static_cast<std::size_t>(end - text.begin());
    line_bytes_ += length;
    section_bytes_ += length;
    if (section_bytes_ > limit) {
        fail(phase_ == Phase::headers ? Failure{431, "headers too large"} : Failure{414, "request line too long"});
    }
    return length;
}

void RequestParser::end_line() {
    const bool blank = line_bytes_ == 0;
    line_bytes_ = 0;
    if (phase_ == Phase::headers) {
        if (blank) return end_head();
        section_bytes_ += 2;
        if (section_bytes_ > limits_.max_header_bytes) fail({431, "headers too large"});
        return;
    }
    if (blank) {
        // One is let pass (RFC 9112 2.2).
        if (skipped_blank_line_) return fail({400, "malformed request line"});
        skipped_blank_line_ = true;
        request_.head.clear();
        return;
    }
    request_line_bytes_ = section_bytes_;
    section_bytes_ = 0;
    phase_ = Phase::headers;
    if (const auto failure = parse_request_line({request_.head.data(), request_line_bytes_}, request_)) fail(*failure);
}

void RequestParser::end_head() {
    const std::string_view head(request_.head.data(), request_.head.size());
    // Once more, as the bytes may have moved while the buffer grew.
    parse_request_line(head.substr(0, request_line_bytes_), request_);
    const std::size_t headers_begin = request_line_bytes_ + 2;
    BodyFraming framing;
    request_.headers.reserve(kUsualHeaders);
    if (const auto failure = parse_header_lines(head.substr(headers_begin, head.size() - headers_begin - 2),
                                                limits_.max_headers, request_, framing)) {
        return fail(*failure);
    }
    if (framing.content_length > limits_.max_body_bytes) return fail({413, "body too large"});
    body_left_ = framing.content_length;
    if (framing.chunked) {
        chunks_.emplace(limits_.max_body_bytes, limits_.max_header_bytes);
        phase_ = Phase::chunked_body;
    } else {
        phase_ = body_left_ == 0 ? Phase::complete : Phase::fixed_body;
    }
}

std::size_t RequestParser::read_fixed_body(Bytes data) {
    body_started_ = true;
    const auto part = data.first(std::min(body_left_, data.size()));
    request_.body.insert(request_.body.end(), part.begin(), part.end());
    body_left_ -= part.size();
    if (body_left_ == 0) phase_ = Phase::complete;
    return part.size();
}

std::size_t RequestParser::read_chunked_body(Bytes data) {
    body_started_ = true;
    const std::size_t used = chunks_->consume(data, request_.body);
    if (chunks_->failed()) {
        fail(chunks_->failure());
    } else if (chunks_->complete()) {
        phase_ = Phase::complete;
    }
    return used;
}

void RequestParser::fail(const Failure& failure) {
    phase_ = Phase::failed;
    failure_ = failure;
}

}  // namespace cryo::http
