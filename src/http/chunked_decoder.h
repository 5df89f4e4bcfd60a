#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <cryo/bytes.h>

#include "http/request.h"

namespace cryo::http {

/// Decodes one body in chunked transfer coding (RFC 9112 7.1), strictly: sizes are bare hexadecimal digits, lines end
/// in CRLF, extensions and trailers are read past.
class ChunkedDecoder {
public:
    /// `max_overhead_bytes` bounds extensions and trailers of the whole body together.
    ChunkedDecoder(std::size_t max_body_bytes, std::size_t max_overhead_bytes) noexcept
        : max_body_bytes_(max_body_bytes), overhead_left_(max_overhead_bytes) {}

    /// Appends to `body` what `data` holds of it. Returns how many bytes were used: all, unless the body is complete or
    /// has failed.
    std::size_t consume(Bytes data, std::vector<std::byte>& body);

    bool complete() const noexcept { return phase_ == Phase::complete; }
    bool failed() const noexcept { return failure_.status != 0; }
    const Failure& failure() const noexcept { return failure_; }

private:
    enum class Phase {
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer,
        trailer_lf,
        final_lf,
        complete,
    };

    void step(char c, std::size_t body_size);
    void read_size(char c, std::size_t body_size);
    void read_overhead(char c, Phase at_cr);
    void expect(char c, char expected, Phase next);
    void fail(int status, std::string_view text) { failure_ = {status, text}; }

    std::size_t max_body_bytes_;
    std::size_t overhead_left_;
    std::size_t chunk_left_ = 0;
    int size_digits_ = 0;
    Phase phase_ = Phase::size;
    Failure failure_{};
};

}  // namespace cryo::http
