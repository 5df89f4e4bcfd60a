#include "websocket/deflate.h"

#include <algorithm>
#include <array>
#include <limits>
#include <new>

#include <zlib.h>

#include "websocket/byte_buffer.h"

namespace cryo::websocket {
namespace {

/// What a sender cuts off the end of each message, RFC 7692 7.2.1.
constexpr std::array kTail{std::byte{0x00}, std::byte{0x00}, std::byte{0xff}, std::byte{0xff}};

constexpr std::size_t kMinOutputBytes = 512;
/// zlib has no raw deflate with a window of 8 bits. It looks back 262 bytes less than its window is long, though, so
/// that with 9 bits it makes what a peer with 8 can read; and other senders that use zlib mean 9 where they say 8.
constexpr int kMinWindowBits = 9;
constexpr int kMemLevel = 8;  // of 9; with a window of 15 bits a compressor takes 256 KiB
// What inflate() leaves in z_stream::data_type.
constexpr int kUnusedBits = 0x3f;
constexpr int kAtBlockBoundary = 0x80;

Bytef* zlib_bytes(const std::byte* bytes) noexcept {
    return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes));  // zlib does not write through next_in
}

uInt zlib_size(std::size_t bytes) noexcept {
    return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max()));
}

}  // namespace

void Inflater::Deleter::operator()(z_stream_s* stream) const noexcept {
    inflateEnd(stream);
    delete stream;
}

Inflater::Inflater(int window_bits, bool context_takeover) noexcept
    : window_bits_(static_cast<std::uint8_t>(std::max(window_bits, kMinWindowBits))),
      context_takeover_(context_takeover) {}

z_stream_s& Inflater::stream() {
    if (!stream_) {
        auto stream = std::make_unique<z_stream_s>();
        if (inflateInit2(stream.get(), -window_bits_) != Z_OK) throw std::bad_alloc();
        stream_.reset(stream.release());
    }
    return *stream_;
}

Inflater::Status Inflater::append(std::span<const std::byte> compressed, ByteBuffer& out, std::size_t max_bytes) {
    return inflate(compressed, out, max_bytes, Z_SYNC_FLUSH);
}

Inflater::Status Inflater::finish(ByteBuffer& out, std::size_t max_bytes) {
    Status status = inflate(kTail, out, max_bytes, Z_BLOCK);
    const int state = stream().data_type;
    const bool at_end = (state & kAtBlockBoundary) != 0 && (state & kUnusedBits) == 0;
    if (status == Status::ok && !at_end) status = Status::corrupt;  // the tail became part of the data
    if (!context_takeover_) stream_.reset();
    return status;
}

Inflater::Status Inflater::inflate(std::span<const std::byte> compressed, ByteBuffer& out, std::size_t max_bytes,
                                   int flush) {
    z_stream_s& z = stream();
    bool output_full = false;
    while (!compressed.empty() || output_full) {
        if (out.room().empty()) {
            const std::size_t wanted = std::max({2 * out.size(), 4 * compressed.size(), kMinOutputBytes});
            out.reallocate(std::min(wanted, max_bytes + 1));
        }
        const auto room = out.room();
        z.next_in = zlib_bytes(compressed.data());
        z.avail_in = zlib_size(compressed.size());
        z.next_out = zlib_bytes(room.data());
        z.avail_out = zlib_size(room.size());
        const uInt offered = z.avail_in;
        const uInt allowed = z.avail_out;
        const int result = ::inflate(&z, flush);
        compressed = compressed.subspan(offered - z.avail_in);
        out.commit(allowed - z.avail_out);
        output_full = z.avail_out == 0;

        if (out.size() > max_bytes) return Status::too_big;
        if (result == Z_MEM_ERROR) throw std::bad_alloc();
        // A block with BFINAL ends the deflate stream, but not the message (RFC 7692 7.2.3.4), nor the window.
        if (result == Z_STREAM_END) {
            inflateResetKeep(&z);
            z.data_type = kAtBlockBoundary;
        } else if (result == Z_BUF_ERROR) {
            return Status::ok;  // nothing was left behind the full output
        } else if (result != Z_OK) {
            return Status::corrupt;
        }
    }
    return Status::ok;
}

void Deflater::Deleter::operator()(z_stream_s* stream) const noexcept {
    deflateEnd(stream);
    delete stream;
}

Deflater::Deflater(const DeflateOptions& options, int window_bits, bool context_takeover) noexcept
    : level_(static_cast<std::int8_t>(options.level)),
      window_bits_(static_cast<std::uint8_t>(std::max(window_bits, kMinWindowBits))),
      context_takeover_(context_takeover) {}

z_stream_s& Deflater::stream() {
    if (!stream_) {
        auto stream = std::make_unique<z_stream_s>();
        if (deflateInit2(stream.get(), level_, Z_DEFLATED, -window_bits_, kMemLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
            throw std::bad_alloc();
        }
        stream_.reset(stream.release());
    }
    return *stream_;
}

std::size_t Deflater::compress(std::span<const std::byte> message, std::span<std::byte> out) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    if (message.size() > kMost || out.empty()) return 0;
    if (message.empty()) {  // RFC 7692 7.2.3.6
        out[0] = std::byte{0};
        return 1;
    }
    z_stream_s& z = stream();
    z.next_in = zlib_bytes(message.data());
    z.avail_in = zlib_size(message.size());
    z.next_out = zlib_bytes(out.data());
    z.avail_out = zlib_size(out.size());
    const uInt room = z.avail_out;
    // The flush is complete, with its tail, only if it left room.
    const bool complete = deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_out > 0;
    const std::size_t written = room - z.avail_out;
    if (!context_takeover_ || !complete) deflateReset(&z);
    return complete ? written - kTail.size() : 0;
}

}  // namespace cryo::websocket
