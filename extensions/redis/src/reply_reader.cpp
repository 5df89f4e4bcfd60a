#include "reply_reader.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

namespace cryo::redis {
namespace {

/// No status, error or number is longer. hiredis searches for the end of an incomplete line anew with every piece.
constexpr std::size_t kMaxLineBytes = 64u << 10;
/// What an array may reserve before its elements have come.
constexpr std::size_t kMaxReserved = 1024;

}  // namespace

/// What hiredis calls for each part of a reply. Null says that it cannot be kept, which ends the stream. Nothing may be
/// thrown through C.
struct ReplyReader::Callbacks {
    static ReplyReader& reader(const redisReadTask* task) { return *static_cast<ReplyReader*>(task->privdata); }

    template <class Make>
    static void* put(const redisReadTask* task, std::size_t bytes, Make make) noexcept {
        try {
            Reply* const reply = reader(task).place(*task, bytes);
            if (reply) *reply = make();
            return reply;
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }

    static void* string(const redisReadTask* task, char* text, std::size_t length) noexcept {
        if (task->type != REDIS_REPLY_STRING && length > kMaxLineBytes) return nullptr;
        return put(task, length, [&]() -> Reply {
            if (task->type == REDIS_REPLY_ERROR) return Reply(Reply::ErrorText{std::string(text, length)});
            return Reply(std::string(text, length));
        });
    }

    static void* array(const redisReadTask* task, int elements) noexcept {
        ReplyReader& self = reader(task);
        const auto count = static_cast<std::size_t>(std::max(elements, 0));
        self.elements_ += count;
        if (self.elements_ > self.limits_.elements) {
            self.error_ = fmt::format("a reply has more than {} elements", self.limits_.elements);
            return nullptr;
        }
        return put(task, 0, [&] {
            std::vector<Reply> values;
            values.reserve(std::min(count, kMaxReserved));
            return Reply(std::move(values));
        });
    }

    static void* integer(const redisReadTask* task, long long value) noexcept {
        return put(task, 0, [&] { return Reply(static_cast<std::int64_t>(value)); });
    }

    static void* nil(const redisReadTask* task) noexcept {
        return put(task, 0, [] { return Reply(); });
    }

    static void free(void* reply) noexcept { delete static_cast<Reply*>(reply); }

    static redisReplyObjectFunctions table;
};

redisReplyObjectFunctions ReplyReader::Callbacks::table{string, array, integer, nil, free};

void ReplyReader::Free::operator()(redisReader* reader) const noexcept { redisReaderFree(reader); }

ReplyReader::ReplyReader(ReplyLimits limits)
    : limits_(limits), reader_(redisReaderCreateWithFunctions(&Callbacks::table)) {
    if (!reader_) throw std::bad_alloc();
    reader_->privdata = this;
}

void ReplyReader::feed(std::string_view bytes) {
    if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) failed_ = true;
}

/// A part's place in the tree. Only the last element of an array is ever being read, so that growing moves nothing that
/// hiredis knows of.
Reply* ReplyReader::place(const redisReadTask& task, std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > limits_.bytes) {
        error_ = fmt::format("a reply is longer than {} bytes", limits_.bytes);
        return nullptr;
    }
    if (!task.parent) return new Reply();
    auto* const siblings = std::get_if<std::vector<Reply>>(&static_cast<Reply*>(task.parent->obj)->value_);
    return &siblings->emplace_back();
}

/// hiredis waits for the end of a line, or of a bulk string's length, that never comes.
bool ReplyReader::has_overlong_line() const noexcept {
    const std::size_t waiting = reader_->len - reader_->pos;
    if (waiting <= kMaxLineBytes || reader_->ridx < 0) return false;
    if (reader_->rstack[reader_->ridx].type != REDIS_REPLY_STRING) return true;
    const std::string_view start(reader_->buf + reader_->pos, 32);
    return start.find("\r\n") == std::string_view::npos;
}

Result<std::optional<Reply>> ReplyReader::next() {
    void* object = nullptr;
    if (failed_ || redisReaderGetReply(reader_.get(), &object) != REDIS_OK) {
        failed_ = true;
        return Error{Errc::refused, !error_.empty() ? error_ : reader_->err ? reader_->errstr : "it cannot be read"};
    }
    if (object) {
        bytes_ = elements_ = 0;
        const std::unique_ptr<Reply> reply(static_cast<Reply*>(object));
        return std::optional<Reply>(std::move(*reply));
    }
    if (reader_->len - reader_->pos + bytes_ > limits_.bytes + kMaxLineBytes || has_overlong_line()) {
        failed_ = true;
        return Error{Errc::refused, fmt::format("a reply is longer than {} bytes", limits_.bytes)};
    }
    return std::optional<Reply>();
}

}  // namespace cryo::redis
