#include <iostream>

#include <cryo/cryo.h>
#include <cryo/hub/hub.h>

using cryo::hub::Audience, cryo::hub::SubscriberPtr, cryo::hub::Target;

// Rooms: whoever connects to /rooms?room=NAME gets what the others in there send.
int main() {
    const auto hub = cryo::hub::Hub::create().value();
    auto created = cryo::Server::create({.port = 8080});
    if (!created) return std::cerr << created.error().message << '\n', 1;
    auto& server = *created.value();

    cryo::WebSocketHandlers handlers;
    handlers.admit = [hub](const cryo::HttpRequest& request, cryo::UpgradeReply reply) {
        auto subscriber = hub->reserve({.topics = {request.query("room").value_or("lobby")}});
        subscriber ? reply.accept(*subscriber) : reply.refuse(400, subscriber.error().message);
    };
    handlers.open = [](cryo::Connection& self) {
        if (!std::any_cast<SubscriberPtr&>(self.user_data())->bind(self)) self.close(1011);
    };
    handlers.text = [hub](cryo::Connection& self, std::string_view text) {
        const auto& sender = std::any_cast<SubscriberPtr&>(self.user_data());
        hub->publish(Audience(Target::topic(sender->topics()[0])).but(Target::connection(sender->id())),
                     cryo::PreparedMessage::text(text));
    };
    if (!server.register_extension(hub) || !server.websocket("/rooms", handlers)) return 1;
    return server.run() ? 0 : 1;
}
