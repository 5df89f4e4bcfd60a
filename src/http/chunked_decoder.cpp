#include "http/chunked_decoder.h"

#include <algorithm>

#include "http/chars.h"

namespace cryo::http {
namespace {
constexpr int kMaxSizeDigits = 16;  // bounds leading zeros
}

std::size_t ChunkedDecoder::consume(Bytes data, std::vector<std::byte>& body) {
    std::size_t used = 0;
    while (used < data.size() && !complete() && !failed()) {
        if (phase_ == Phase::data) {
            const auto part = data.subspan(used, std::min(chunk_left_, data.size() - used));
            body.insert(body.end(), part.begin(), part.end());
            used += part.size();
            chunk_left_ -= part.size();
            if (chunk_left_ == 0) phase_ = Phase::data_cr;
        } else {
            step(static_cast<char>(data[used++]), body.size());
        }
    }
    return used;
}

void ChunkedDecoder::step(char c, std::size_t body_size) {
    switch (phase_) {
        case Phase::size:
            return read_size(c, body_size);
        case Phase::extension:
            return read_overhead(c, Phase::size_lf);
        case Phase::size_lf:
            size_digits_ = 0;
            return expect(c, '\n', chunk_left_ == 0 ? Phase::trailer_start : Phase::data);
        case Phase::data_cr:
            return expect(c, '\r', Phase::data_lf);
        case Phase::data_lf:
            return expect(c, '\n', Phase::size);
        case Phase::trailer_start:
            if (c == ' ' || c == '\t') return fail(400, "folded trailer");
            phase_ = Phase::trailer;
            return read_overhead(c, Phase::final_lf);
        case Phase::trailer:
            return read_overhead(c, Phase::trailer_lf);
        case Phase::trailer_lf:
            return expect(c, '\n', Phase::trailer_start);
        case Phase::final_lf:
            return expect(c, '\n', Phase::complete);
        case Phase::data:
        case Phase::complete:
            return;
    }
}

void ChunkedDecoder::read_size(char c, std::size_t body_size) {
    const int digit = hex_value(c);
    if (digit < 0) {
        if (size_digits_ == 0) return fail(400, "malformed chunk size");
        if (c == ';') {
            phase_ = Phase::extension;
            return;
        }
        return expect(c, '\r', Phase::size_lf);
    }
    if (++size_digits_ > kMaxSizeDigits) return fail(400, "malformed chunk size");
    const std::size_t room = max_body_bytes_ - body_size;
    // Checked before it can overflow.
    if (chunk_left_ > room / 16) return fail(413, "body too large");
    chunk_left_ = chunk_left_ * 16 + static_cast<std::size_t>(digit);
    if (chunk_left_ > room) return fail(413, "body too large");
}

void ChunkedDecoder::read_overhead(char c, Phase at_cr) {
    if (c == '\r') {
        phase_ = at_cr;
    } else if (!is_field_text(c)) {
        fail(400, "control character in a chunk extension or trailer");
    } else if (overhead_left_ == 0) {
        fail(431, "chunk extensions and trailers too large");
    } else {
        --overhead_left_;
    }
}

void ChunkedDecoder::expect(char c, char expected, Phase next) {
    if (c != expected) return fail(400, "malformed chunk framing");
    phase_ = next;
}

}  // namespace cryo::http
