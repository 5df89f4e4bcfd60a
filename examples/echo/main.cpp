// Sends back what it receives: over the Cryo protocol on every path, over plain WebSocket on /ws, to all on /broadcast.
// Nothing is lost: who does not read what comes back is not read from, until they do.
#include <cryo/cryo.h>

#include "common/options.h"
#include "common/serve.h"

namespace {

constexpr auto kProgram = "cryo-echo";

/// For sessions and plain connections alike.
template <class Peer>
void pause_unless_sent(Peer& peer, cryo::SendStatus status) {
    if (status != cryo::SendStatus::sent) peer.pause_reading();
}

void echo_session(const cryo::SessionPtr& session) {
    session->on_message_utf8(
        [](cryo::Session& self, std::string_view text) { pause_unless_sent(self, self.send_utf8(text)); });
    session->on_message_binary(
        [](cryo::Session& self, cryo::Bytes data) { pause_unless_sent(self, self.send_binary(data)); });
    session->on_drain([](cryo::Session& self) { self.resume_reading(); });
}

cryo::Result<> mount_echo(cryo::Server& server) {
    auto mounted = server.websocket(
        "/ws",
        {
            .text = [](cryo::Connection& peer,
                       std::string_view text) { pause_unless_sent(peer, peer.send_text(text)); },
            .binary = [](cryo::Connection& peer, cryo::Bytes data) { pause_unless_sent(peer, peer.send_binary(data)); },
            .drain = [](cryo::Connection& peer) { peer.resume_reading(); },
        });
    if (!mounted) return mounted.error();
    return {};
}

cryo::Result<> mount_broadcast(cryo::Server& server) {
    // The endpoint exists only after its handlers; they find it here.
    auto endpoint = std::make_shared<cryo::Endpoint*>(nullptr);
    auto mounted = server.websocket(
        "/broadcast",
        {
            .text = [endpoint](cryo::Connection&,
                               std::string_view text) { (*endpoint)->broadcast(cryo::PreparedMessage::text(text)); },
            .binary = [endpoint](cryo::Connection&,
                                 cryo::Bytes data) { (*endpoint)->broadcast(cryo::PreparedMessage::binary(data)); },
        });
    if (!mounted) return mounted.error();
    *endpoint = *mounted;
    return {};
}

cryo::Result<> mount_health(cryo::Server& server) {
    return server.http("GET", "/health",
                       [](const cryo::HttpRequest&, cryo::HttpReply reply) { reply.send({.body = "ok"}); });
}

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1"};
    // One message always fits, so that pausing is all the backpressure it takes.
    options.backpressure.max_queued_bytes = 2 * options.max_message_bytes;
    cryo::TlsOptions tls;
    std::string token = "secret";
    std::uint16_t spin_us = 0;

    example::Options command_line(kProgram, "Sends back what it receives.");
    command_line.value("host", "ADDRESS", "address to listen on", options.host);
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    command_line.value("token", "TOKEN", "token that Cryo clients must present", token);
    command_line.value("threads", "N", "event loops, 0: one a core", options.threads);
    command_line.value("spin-us", "N", "microseconds to look for work before sleeping", spin_us);
    command_line.flag("cale", "encrypt Cryo sessions with CALE", options.use_cale);
    command_line.flag("deflate", "offer permessage-deflate", options.deflate.enabled);
    command_line.value("cert", "FILE", "certificate (PEM): serve over TLS", tls.certificate_file);
    command_line.value("key", "FILE", "the certificate's key (PEM)", tls.key_file);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;
    options.spin = std::chrono::microseconds(spin_us);
    if (!tls.certificate_file.empty() || !tls.key_file.empty()) options.tls = tls;

    auto created = cryo::Server::create(options, cryo::make_validator([token](std::string_view presented) {
                                            return cryo::constant_time_equal(presented, token);
                                        }));
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();

    example::announce(server, options);
    server.on_session(echo_session);
    for (auto* mount : {mount_echo, mount_broadcast, mount_health}) {
        if (const auto mounted = mount(server); !mounted) return example::fail(kProgram, mounted.error());
    }
    return example::serve(kProgram, server);
}
