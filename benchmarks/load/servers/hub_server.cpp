// A hub under load. On /broadcast each connection subscribes to one of so many topics in turn, and what one of them
// sends is published to all these topics; on /ws each connection has so many subscriptions, and gets back what it
// sends.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cryo/cryo.h>
#include <cryo/hub/hub.h>

#include "common/options.h"
#include "common/serve.h"

namespace {

constexpr auto kProgram = "cryo-hub-server";

using cryo::hub::Hub;
using cryo::hub::Target;

std::string topic(std::size_t number) { return "topic-" + std::to_string(number); }

void attach(Hub& hub, cryo::Connection& connection, std::vector<std::string> topics) {
    auto subscriber = hub.attach(connection, {.topics = std::move(topics)});
    if (!subscriber) return connection.close(1011, subscriber.error().message);
    connection.user_data() = std::move(*subscriber);
}

cryo::Result<> mount_broadcast(cryo::Server& server, const std::shared_ptr<Hub>& hub, std::size_t topics) {
    const auto publish = [hub, topics](cryo::Connection&, std::string_view text) {
        for (std::size_t i = 0; i < topics; ++i) {
            hub->publish(Target::topic(topic(i)), cryo::PreparedMessage::text(text));
        }
    };
    const auto count = std::make_shared<std::atomic<std::size_t>>(0);
    auto mounted = server.websocket(
        "/broadcast",
        {
            .open = [hub, topics, count](cryo::Connection& self) { attach(*hub, self, {topic((*count)++ % topics)}); },
            .text = publish,
            .binary = [publish](cryo::Connection& self, cryo::Bytes data) { publish(self, cryo::as_text(data)); },
        });
    if (!mounted) return mounted.error();
    return {};
}

cryo::Result<> mount_echo(cryo::Server& server, const std::shared_ptr<Hub>& hub, std::size_t subscriptions) {
    auto mounted =
        server.websocket("/ws", {
                                    .open =
                                        [hub, subscriptions](cryo::Connection& self) {
                                            std::vector<std::string> topics;
                                            for (std::size_t i = 0; i < subscriptions; ++i) topics.push_back(topic(i));
                                            attach(*hub, self, std::move(topics));
                                        },
                                    .text = [](cryo::Connection& self, std::string_view text) { self.send_text(text); },
                                    .binary = [](cryo::Connection& self, cryo::Bytes data) { self.send_binary(data); },
                                });
    if (!mounted) return mounted.error();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    cryo::ServerOptions options{.host = "127.0.0.1"};
    std::uint32_t topics = 1, subscriptions = 0;
    example::Options command_line(kProgram, "Publishes to the topics of a hub what its clients send.");
    command_line.value("port", "N", "port to listen on, 0: any free one", options.port);
    command_line.value("threads", "N", "event loops", options.threads);
    command_line.value("topics", "N", "topics of /broadcast", topics);
    command_line.value("subscriptions", "N", "topics of each connection of /ws", subscriptions);
    if (const auto exit_code = command_line.parse(argc, argv)) return *exit_code;

    auto hub = Hub::create();
    if (!hub) return example::fail(kProgram, hub.error());
    auto created = cryo::Server::create(options);
    if (!created) return example::fail(kProgram, created.error());
    auto& server = *created.value();
    example::announce(server, options);
    if (const auto registered = server.register_extension(*hub); !registered) {
        return example::fail(kProgram, registered.error());
    }
    for (const auto& mounted :
         {mount_broadcast(server, *hub, std::max(topics, 1U)), mount_echo(server, *hub, subscriptions)}) {
        if (!mounted) return example::fail(kProgram, mounted.error());
    }
    return example::serve(kProgram, server);
}
