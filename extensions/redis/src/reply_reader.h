#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <cryo/redis/reply.h>
#include <cryo/result.h>

struct redisReadTask;
struct redisReader;

namespace cryo::redis {

/// Bounds on one reply.
struct ReplyLimits {
    std::size_t bytes = 0;
    std::size_t elements = 0;
};

/// Bytes of a connection in, replies out: hiredis's parser, which builds our values directly.
///
/// After an error it is of no more use: the stream has lost its place.
class ReplyReader {
public:
    explicit ReplyReader(ReplyLimits limits);
    ReplyReader(const ReplyReader&) = delete;
    ReplyReader& operator=(const ReplyReader&) = delete;

    void feed(std::string_view bytes);
    /// The next reply that is complete; nothing when more bytes are needed. Errors: `refused`, which says what the
    /// server did wrong.
    Result<std::optional<Reply>> next();

private:
    struct Callbacks;
    struct Free {
        void operator()(redisReader* reader) const noexcept;
    };

    Reply* place(const redisReadTask& task, std::size_t bytes);
    bool has_overlong_line() const noexcept;

    const ReplyLimits limits_;
    std::size_t bytes_ = 0;     ///< Of the reply that is being read.
    std::size_t elements_ = 0;  ///< Its elements so far, as announced.
    std::string error_{};       ///< Why a callback refused.
    bool failed_ = false;
    std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace cryo::redis
