#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cryo/cluster/pub_sub.h>

#include "support/tcp_proxy.h"

namespace cryo::test {

/// A backend as the contract tests need it: several connections, each of which can be cut, and a server that can be
/// stopped.
class BusBackend {
public:
    virtual ~BusBackend() = default;

    /// Another connection, with short times; they are counted from 0.
    virtual std::unique_ptr<cluster::IPubSub> connect() = 0;
    virtual void cut(std::size_t connection) = 0;
    /// Nothing passes, though the connection stays; with real servers the link is noticed to be dead and replaced.
    virtual void silence(std::size_t connection) = 0;
    virtual void restore(std::size_t connection) = 0;

    virtual void stop_server() = 0;
    virtual void start_server() = 0;

    /// The program that is one node in a process of its own (see node_process.h), with what it is passed to reach this
    /// backend; empty when there cannot be one.
    virtual std::vector<std::string> node_program() const { return {}; }
};

/// How to make one; with a name for the tests.
struct BusBackendMaker {
    std::string name;
    std::function<std::unique_ptr<BusBackend>()> make;

    friend void PrintTo(const BusBackendMaker& maker, std::ostream* out) { *out << maker.name; }
};

/// For backends with a real server; each connection goes through a proxy of its own.
/// `Server` starts when it is made, and has `port()`, `stop()` and `start()`.
template <class Server>
class ServerBackend final : public BusBackend {
public:
    using Connect = std::function<std::unique_ptr<cluster::IPubSub>(std::uint16_t port)>;

    /// @param program a node program, which is passed the server's port; empty: none
    explicit ServerBackend(Connect connect, std::string program = {})
        : connect_(std::move(connect)), program_(std::move(program)) {}

    std::unique_ptr<cluster::IPubSub> connect() override {
        proxies_.push_back(std::make_unique<TcpProxy>(server_.port()));
        return connect_(proxies_.back()->port());
    }
    void cut(std::size_t connection) override { proxies_.at(connection)->set(TcpProxy::Mode::cut); }
    void silence(std::size_t connection) override { proxies_.at(connection)->set(TcpProxy::Mode::silent); }
    void restore(std::size_t connection) override { proxies_.at(connection)->set(TcpProxy::Mode::open); }
    void stop_server() override { server_.stop(); }
    void start_server() override { server_.start(); }
    std::vector<std::string> node_program() const override {
        if (program_.empty()) return {};
        return {program_, std::to_string(server_.port())};
    }

private:
    Server server_;
    std::vector<std::unique_ptr<TcpProxy>> proxies_;
    Connect connect_;
    std::string program_;
};

}  // namespace cryo::test
