// WebSocket++ on Boost.Asio, one thread; written as its echo and broadcast examples are.
#include <set>

#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>

#include "arguments.h"

namespace {

using Server = websocketpp::server<websocketpp::config::asio>;
using websocketpp::connection_hdl;
using Receivers = std::set<connection_hdl, std::owner_less<connection_hdl>>;

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(argc, argv, false);
    if (!arguments) return 2;

    Receivers receivers;
    Server server;
    server.clear_access_channels(websocketpp::log::alevel::all);
    server.clear_error_channels(websocketpp::log::elevel::all);
    server.init_asio();
    server.set_reuse_addr(true);
    server.set_socket_init_handler([](connection_hdl, boost::asio::ip::tcp::socket& socket) {
        boost::system::error_code ignored;
        socket.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
    });
    const auto receives = [&server](connection_hdl peer) {
        return server.get_con_from_hdl(peer)->get_resource() == "/broadcast";
    };
    server.set_open_handler([&](connection_hdl peer) {
        if (receives(peer)) receivers.insert(peer);
    });
    server.set_close_handler([&](connection_hdl peer) { receivers.erase(peer); });
    server.set_message_handler([&](connection_hdl peer, Server::message_ptr message) {
        websocketpp::lib::error_code ignored;  // who is on the way out
        if (!receives(peer)) return server.send(peer, message->get_payload(), message->get_opcode(), ignored);
        for (const auto& receiver : receivers) {
            server.send(receiver, message->get_payload(), message->get_opcode(), ignored);
        }
    });

    boost::asio::signal_set signals(server.get_io_service(), SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code&, int) { server.stop(); });
    server.listen(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), arguments->port));
    server.start_accept();
    websocketpp::lib::asio::error_code error;
    announce(server.get_local_endpoint(error).port());
    server.run();
}
