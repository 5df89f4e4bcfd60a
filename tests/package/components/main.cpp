// Uses enough of each extension to need its library, and all that it links.
#include <iostream>

#include <cryo/auth/jwt.h>
#include <cryo/broker/broker.h>
#include <cryo/cluster/local_pub_sub.h>
#include <cryo/cluster/node_bus.h>
#include <cryo/cryo.h>
#include <cryo/hub/hub.h>
#include <cryo/nats/pub_sub.h>
#include <cryo/redis/options.h>

int main() {
    if (!cryo::hub::Hub::create()) return 1;
    if (!cryo::auth::JwtKey::secret("a secret of at least thirty-two bytes")) return 2;
    if (!cryo::redis::Options{}.validate()) return 3;
    if (!cryo::cluster::LocalBroker::create()) return 4;
    if (!cryo::nats::make_pub_sub({})) return 5;

    auto server = cryo::Server::create({.host = "127.0.0.1", .port = 0});
    auto broker = cryo::broker::Broker::create({.token = "secret"});
    if (!server || !broker || !(*broker)->install(**server)) return 6;
    if (!(*server)->start() || (*server)->port() == 0) return 7;
    (*server)->stop();
    (*server)->wait();
    std::cout << "cryo " << cryo::version() << " with its extensions\n";
}
