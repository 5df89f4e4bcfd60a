// Two extensions: one that logs what goes on, one that changes messages. The application below, an echo, knows of
// neither.
#include <algorithm>
#include <cctype>
#include <mutex>

#include <cryo/cryo.h>

#include "common/options.h"
#include "common/serve.h"

namespace {

constexpr auto kProgram = "cryo-extension";

/// Writes a line for each session and each message; never their contents.
class TrafficLog final : public cryo::IExtension {
public:
    std::string_view name() const noexcept override { return "traffic-log"; }

    void on_session_open(cryo::Session& session) override { write(session, "opened"); }
    void on_session_closed(cryo::Session& session, const cryo::CloseEvent& event) override {
        write(session, "closed with " + std::to_string(event.code));
    }
    cryo::Verdict on_receive_utf8(cryo::HookContext& context, cryo::Message& message) override {
        return log(context, "received text, ", message);
    }
    cryo::Verdict on_receive_binary(cryo::HookContext& context, cryo::Message& message) override {
        return log(context, "received binary, ", message);
    }
    cryo::Verdict before_send_utf8(cryo::HookContext& context, cryo::Message& message) override {
        return log(context, "sends text, ", message);
    }
    cryo::Verdict before_send_binary(cryo::HookContext& context, cryo::Message& message) override {
        return log(context, "sends binary, ", message);
    }

private:
    cryo::Verdict log(cryo::HookContext& context, std::string what, cryo::Message& message) {
        write(context.session(), what + std::to_string(message.bytes().size()) + " bytes");
        return cryo::Verdict::proceed;
    }

    void write(cryo::Session& session, const std::string& what) {
        const std::lock_guard lock(mutex_);  // hooks run on every loop
        std::cout << session.id().to_string() << ' ' << what << std::endl;
    }

    std::mutex mutex_;
};

/// A house rule: shouting is turned down, and messages that say nothing are dropped.
class Manners final : public cryo::IExtension {
public:
    std::string_view name() const noexcept override { return "manners"; }

    cryo::Verdict on_receive_utf8(cryo::HookContext&, cryo::Message& message) override {
        auto& text = message.utf8();
        const auto is = [](auto test) { return [test](char c) { return test(static_cast<unsigned char>(c)) != 0; }; };
        if (std::ranges::all_of(text, is(::isspace))) return cryo::Verdict::drop;
        if (std::ranges::any_of(text, is(::isupper)) && std::ranges::none_of(text, is(::islower))) {
            // ASCII only: a byte of a longer UTF-8 character is never touched.
            std::ranges::transform(text, text.begin(), [](char c) { return 'A' <= c && c <= 'Z' ? char(c + 32) : c; });
        }
        return cryo::Verdict::proceed;
    }
};

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1"};
    std::string token = "secret";
    example::Options command_line(kProgram, "An echo with extensions: one logs, one turns shouting down.");
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    command_line.value("token", "TOKEN", "token that clients must present", token);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;

    auto created = cryo::Server::create(options, cryo::make_validator([token](std::string_view presented) {
                                            return cryo::constant_time_equal(presented, token);
                                        }));
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();

    // The log comes first: it sees what arrives before it is changed.
    const std::shared_ptr<cryo::IExtension> extensions[] = {std::make_shared<TrafficLog>(),
                                                            std::make_shared<Manners>()};
    for (const auto& extension : extensions) {
        if (const auto done = server.register_extension(extension); !done) return example::fail(kProgram, done.error());
    }
    example::announce(server, options);
    server.on_session([](const cryo::SessionPtr& session) {
        session->on_message_utf8([](cryo::Session& self, std::string_view text) { self.send_utf8(text); });
        session->on_message_binary([](cryo::Session& self, cryo::Bytes data) { self.send_binary(data); });
    });
    return example::serve(kProgram, server);
}
