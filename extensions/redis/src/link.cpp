#include "link.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "wire.h"

namespace cryo::redis {
namespace {

/// Of one connection in one turn of the loop, so that others get theirs.
constexpr int kMaxReadsPerTurn = 16;
constexpr std::size_t kReadBytes = 64u << 10;
/// Buffers that have grown larger are let go when they are empty.
constexpr std::size_t kKeptBytes = 256u << 10;

}  // namespace

std::shared_ptr<const LinkConfig> LinkConfig::make(const Hello& hello, const Options& options,
                                                   std::shared_ptr<const TlsContext> tls) {
    auto config = std::make_shared<LinkConfig>();
    config->tls = std::move(tls);
    config->limits = {.bytes = options.max_reply_bytes, .elements = options.max_reply_elements};
    std::string commands;
    commands.reserve(1024 + hello.credentials.username.size() + hello.credentials.password.size());  // no copies left
    const auto add = [&](std::string name, std::string wire) {
        commands += wire;
        OPENSSL_cleanse(wire.data(), wire.size());
        config->hello_names.push_back(std::move(name));
    };
    const auto& [username, password] = hello.credentials;
    if (!username.empty()) {
        add("AUTH", encode({"AUTH", username, password}));
    } else if (!password.empty()) {
        add("AUTH", encode({"AUTH", password}));
    }
    if (hello.database != 0) add("SELECT", encode({"SELECT", std::to_string(hello.database)}));
    if (!hello.client_name.empty()) add("CLIENT SETNAME", encode({"CLIENT", "SETNAME", hello.client_name}));
    if (hello.master_only) add("ROLE", encode({"ROLE"}));
    add("PING", encode({"PING"}));
    config->hello = Wiped(std::move(commands));
    return config;
}

Result<std::shared_ptr<Link>> Link::open(LoopPtr loop, std::shared_ptr<const LinkConfig> config,
                                         const SocketAddress& address, std::string host, Listener& listener) {
    auto stream = Stream::open(address);
    if (!stream) return std::move(stream).error();
    if (config->tls) {
        if (auto secured = stream->use_tls(*config->tls, host); !secured) return std::move(secured).error();
    }
    auto link = std::make_shared<Link>(std::move(loop), std::move(config), std::move(stream).value(), std::move(host),
                                       listener);
    if (auto watched = link->watch(); !watched) return std::move(watched).error();
    return link;
}

Link::Link(LoopPtr loop, std::shared_ptr<const LinkConfig> config, Stream stream, std::string host, Listener& listener)
    : loop_(std::move(loop)),
      config_(std::move(config)),
      host_(std::move(host)),
      listener_(&listener),
      stream_(std::move(stream)),
      reader_(config_->limits),
      last_received_(loop_->now()) {}

Link::~Link() { close(); }

Result<> Link::watch() {
    auto watch = loop_->watch(stream_->socket(), {.readable = true, .writable = true}, [this](auto events) {
        const auto keep = shared_from_this();  // a listener may let go of it
        on_event(events);
    });
    if (!watch) return std::move(watch).error();
    watch_ = std::move(watch).value();
    return {};
}

void Link::close() noexcept {
    if (state_ == State::hello) OPENSSL_cleanse(output_.data(), output_.size());
    state_ = State::closed;
    watch_.reset();
    stream_.reset();
}

void Link::lose(std::string reason) {
    if (state_ == State::closed) return;
    close();
    listener_->on_lost(std::move(reason));
}

void Link::on_event(DescriptorWatch::Events events) {
    if (state_ == State::connecting && events.writable) proceed_connecting();
    if (state_ == State::tls) proceed_tls();
    if (state_ != State::hello && state_ != State::ready) return;
    if (events.readable || stream_->wants_write()) receive();
    if (state_ != State::closed && events.writable) flush();
}

void Link::proceed_connecting() {
    if (stream_->finish_connect().status == Stream::Status::failed) return lose(stream_->error());
    state_ = State::tls;
}

void Link::proceed_tls() {
    switch (stream_->handshake().status) {
        case Stream::Status::done:
            return say_hello();
        case Stream::Status::blocked:
            return watch_->want({.readable = true, .writable = stream_->wants_write()});
        case Stream::Status::ended:
            return lose("closed within the TLS handshake");
        case Stream::Status::failed:
            return lose(stream_->error());
    }
}

void Link::say_hello() {
    state_ = State::hello;
    output_ = config_->hello.text();
    sent_ = output_.size();
    flush();
}

void Link::send(std::string_view wire) {
    output_ += wire;
    sent_ += wire.size();
    schedule_flush();
}

void Link::schedule_flush() {
    if (std::exchange(flush_scheduled_, true)) return;
    loop_->at_turn_end([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->flush_scheduled_ = false;
        if (self->state_ != State::closed) self->flush();
    });
}

/// Errors are left to reading: it finds them too, after the replies that came before.
void Link::flush() {
    while (output_offset_ < output_.size()) {
        const auto progress = stream_->write(std::string_view(output_).substr(output_offset_));
        if (progress.status != Stream::Status::done) break;
        output_offset_ += progress.bytes;
        written_ += progress.bytes;
    }
    if (output_offset_ == output_.size()) {
        if (state_ == State::hello) OPENSSL_cleanse(output_.data(), output_.size());
        output_.clear();
        output_offset_ = 0;
        if (output_.capacity() > kKeptBytes) output_.shrink_to_fit();
    } else if (output_offset_ > output_.size() / 2) {
        output_.erase(0, output_offset_);
        output_offset_ = 0;
    }
    update_wanted();
}

void Link::update_wanted() {
    watch_->want({.readable = true, .writable = output_offset_ < output_.size() || stream_->wants_write()});
}

void Link::receive() {
    std::array<char, kReadBytes> buffer;
    for (int reads = 0; reads < kMaxReadsPerTurn; ++reads) {
        const auto progress = stream_->read(buffer);
        switch (progress.status) {
            case Stream::Status::done:
                last_received_ = loop_->now();
                reader_.feed({buffer.data(), progress.bytes});
                take_replies();
                if (state_ == State::closed) return;
                break;
            case Stream::Status::blocked:
                return update_wanted();
            case Stream::Status::ended:
                return lose("closed by the server");
            case Stream::Status::failed:
                return lose(stream_->error());
        }
        if (!config_->tls && progress.bytes < buffer.size()) break;  // that was all
    }
}

void Link::take_replies() {
    while (state_ != State::closed) {
        auto next = reader_.next();
        if (!next) return lose("not understood: " + next.error().message);
        if (!*next) return;
        if (state_ == State::hello) {
            take_hello_reply(**next);
        } else {
            listener_->on_reply(std::move(**next));
        }
    }
}

void Link::take_hello_reply(const Reply& reply) {
    const std::string& name = config_->hello_names[hello_replies_++];
    if (reply.is_error()) {
        // What follows the first word may repeat the command: of AUTH, the password.
        const auto said = reply.text();
        return lose(fmt::format("{} refused: {}", name, name == "AUTH" ? said.substr(0, said.find(' ')) : said));
    }
    if (name == "ROLE" && reply[0].text() != "master")
        return lose(fmt::format("is a {}, not a master", reply[0].text()));
    if (hello_replies_ < config_->hello_names.size()) return;
    state_ = State::ready;
    listener_->on_ready();
}

}  // namespace cryo::redis
