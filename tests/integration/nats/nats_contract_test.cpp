#include "integration/cluster/bus_contract.h"
#include "integration/cluster/hub_contract.h"
#include "integration/cluster/pub_sub_contract.h"
#include "integration/nats/nats_fixture.h"
#include "support/nats_server.h"

namespace cryo::test {
namespace {

const BusBackendMaker kNats{"nats", [] {
                                return std::make_unique<ServerBackend<NatsServer>>(
                                    [](std::uint16_t port) { return connect_nats(port); }, CRYO_NATS_NODE);
                            }};

INSTANTIATE_TEST_SUITE_P(Nats, PubSubContract, ::testing::Values(kNats), maker_name);
INSTANTIATE_TEST_SUITE_P(Nats, BusContract, ::testing::Values(kNats), maker_name);
INSTANTIATE_TEST_SUITE_P(Nats, HubContract, ::testing::Values(kNats), maker_name);

}  // namespace
}  // namespace cryo::test
