#pragma once

#include <memory>

#include <cryo/cluster/node_bus.h>
#include <cryo/export.h>
#include <cryo/hub/hub.h>
#include <cryo/result.h>

namespace cryo::cluster {

/// Joins a hub to those of other nodes: what is published, closed, changed, counted and listed here reaches their
/// receivers too. Before the server and the bus start; the hub keeps what it needs of the bus.
///
/// By interest: a publication to a topic, a user or a connection goes to the nodes that have receivers for it, one copy
/// for each of up to 16 targets; one for everybody, or for more targets, goes to all nodes.
/// An audience of more than 65,535 targets or exceptions, or with a name longer than 65,535 bytes, may be reached on
/// this node only: the outcome is incomplete.
///
/// At most once: of several copies a node delivers the first to come, to all whom the audience means at that moment.
/// Order: what one thread publishes to one target arrives in the order of the calls; what it publishes to several
/// targets or to everybody too, unless the backend's channels take ways of their own (Redis with sharded pub/sub).
///
/// While the node is alone (the bus is `away`), the hub serves its own receivers, outcomes are incomplete, and `settle`
/// does not wait. Errors: those of `INodeBus::open` and `Hub::set_relay`; `system` without random bytes.
/// @code
///   auto bus = cryo::cluster::make_node_bus({}, std::move(backend)).value();
///   auto hub = cryo::hub::Hub::create().value();
///   cryo::cluster::link_hub(hub, *bus);
///   server->register_extension(cryo::cluster::make_bus_extension(bus));
///   server->register_extension(hub);
/// @endcode
CRYO_API Result<> link_hub(const std::shared_ptr<hub::Hub>& hub, INodeBus& bus);

}  // namespace cryo::cluster
