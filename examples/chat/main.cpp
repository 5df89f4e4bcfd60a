// Rooms to talk in: a page at / and Cryo sessions for everything that moves.
#include <cryo/cryo.h>

#include "common/options.h"
#include "common/serve.h"
#include "lobby.h"

namespace {

constexpr auto kProgram = "cryo-chat";

cryo::Result<> mount_page(cryo::Server& server, const std::string& folder, bool use_cale) {
    const std::string config = use_cale ? R"({"cale":true})" : R"({"cale":false})";
    auto mounted = server.http("GET", "/config", [config](const cryo::HttpRequest&, cryo::HttpReply reply) {
        reply.send(cryo::HttpResponse::json(200, config));
    });
    return mounted ? server.files("/", folder) : mounted;
}

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1", .max_message_bytes = 64u << 10, .max_sessions = 1'000};
    std::string token = "demo";
    std::string web = CRYO_CHAT_WEB;

    example::Options command_line(kProgram, "Serves a chat to browsers.");
    command_line.value("host", "ADDRESS", "address to listen on", options.host);
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    command_line.value("token", "TOKEN", "token that participants must present", token);
    command_line.value("threads", "N", "event loops, 0: one a core", options.threads);
    command_line.flag("cale", "encrypt sessions with CALE", options.use_cale);
    command_line.value("web", "DIR", "folder with the page", web);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;

    auto created = cryo::Server::create(options, cryo::make_validator([token](std::string_view presented) {
                                            return cryo::constant_time_equal(presented, token);
                                        }));
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();
    if (const auto mounted = mount_page(server, web, options.use_cale); !mounted) {
        return example::fail(kProgram, mounted.error());
    }

    chat::Lobby lobby({"lobby", "random", "ideas"});
    server.on_session([&lobby](const cryo::SessionPtr& session) {
        session->on_message_utf8([&lobby](cryo::Session& self, std::string_view text) { lobby.receive(self, text); });
        session->on_closed([&lobby](cryo::Session&, const cryo::CloseEvent&) { lobby.sweep(); });
    });
    example::announce(server, options);
    return example::serve(kProgram, server);
}
