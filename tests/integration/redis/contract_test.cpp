#include "integration/cluster/bus_contract.h"
#include "integration/cluster/hub_contract.h"
#include "integration/cluster/pub_sub_contract.h"
#include "redis_backend.h"

namespace cryo::test {
namespace {

BusBackendMaker cluster_of(RedisKind kind) {
    return {name_of(kind), [kind] { return std::make_unique<RedisClusterBackend>(kind, CRYO_REDIS_NODE); }};
}

const BusBackendMaker kSingle{"single", [] { return std::make_unique<RedisBackend>(CRYO_REDIS_NODE); }};
const auto kAll = ::testing::Values(kSingle, cluster_of(RedisKind::cluster), cluster_of(RedisKind::sharded));

INSTANTIATE_TEST_SUITE_P(Redis, PubSubContract, kAll, maker_name);
INSTANTIATE_TEST_SUITE_P(Redis, BusContract, kAll, maker_name);
INSTANTIATE_TEST_SUITE_P(Redis, HubContract, kAll, maker_name);

}  // namespace
}  // namespace cryo::test
