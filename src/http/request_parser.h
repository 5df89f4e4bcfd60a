#pragma once

#include <cstddef>
#include <optional>

#include <cryo/bytes.h>
#include <cryo/options.h>

#include "http/chunked_decoder.h"
#include "http/request.h"

namespace cryo::http {

/// Incremental parser of HTTP/1.0 and 1.1 requests (RFC 9112), strict: whatever two parsers could understand in two
/// ways is refused. Bytes in, values out; each byte is looked at a fixed number of times however it arrives.
///
/// For each request: `consume` until it says something else than `need_more`, use `request()`, `reset()`. After a
/// failure the connection is beyond repair: send the refusal and close.
class RequestParser {
public:
    enum class State { need_more, complete, failed };

    explicit RequestParser(const HttpLimits& limits) noexcept : limits_(limits) {}

    /// Takes bytes until the request ends, and says how many. What follows it, pipelined requests or WebSocket frames,
    /// is not touched.
    State consume(Bytes data, std::size_t& consumed);

    State state() const noexcept;
    /// True once a byte of the request has arrived: silence from then on is an incomplete request (408), not idleness.
    bool started() const noexcept { return started_; }
    /// True while the client waits for a 100 (Continue) and has sent nothing of the body yet.
    bool wants_continue() const noexcept;

    /// Valid once complete; the head of it once `wants_continue()`.
    const Request& request() const noexcept { return request_; }
    const Failure& failure() const noexcept { return failure_; }

    /// Forgets the request and frees its memory.
    void reset();

private:
    enum class Phase { request_line, headers, fixed_body, chunked_body, complete, failed };

    std::size_t read_head(Bytes data);
    std::size_t take_text(Bytes data);
    void end_line();
    void end_head();
    std::size_t read_fixed_body(Bytes data);
    std::size_t read_chunked_body(Bytes data);
    void fail(const Failure& failure);

    HttpLimits limits_;
    Phase phase_ = Phase::request_line;
    bool started_ = false;
    bool saw_cr_ = false;
    bool skipped_blank_line_ = false;
    bool body_started_ = false;
    std::size_t line_bytes_ = 0;     // of the line being read
    std::size_t section_bytes_ = 0;  // of the request line, or of all header lines
    std::size_t request_line_bytes_ = 0;
    std::size_t body_left_ = 0;
    std::optional<ChunkedDecoder> chunks_{};
    Request request_{};
    Failure failure_{};
};

}  // namespace cryo::http
