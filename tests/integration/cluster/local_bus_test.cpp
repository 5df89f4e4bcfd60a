#include <utility>
#include <vector>

#include <cryo/cluster/local_pub_sub.h>

#include "integration/cluster/bus_contract.h"
#include "integration/cluster/hub_contract.h"
#include "integration/cluster/pub_sub_contract.h"

namespace cryo::test {
namespace {

class LocalBackend final : public BusBackend {
public:
    std::unique_ptr<cluster::IPubSub> connect() override {
        auto connection = broker_->connect();
        connections_.push_back(connection.get());
        return connection;
    }
    void cut(std::size_t connection) override { broker_->set_available(*connections_.at(connection), false); }
    void silence(std::size_t connection) override { broker_->set_silent(*connections_.at(connection), true); }
    void restore(std::size_t connection) override {
        broker_->set_silent(*connections_.at(connection), false);
        broker_->set_available(*connections_.at(connection), true);
    }
    void stop_server() override { broker_->set_available(false); }
    void start_server() override { broker_->set_available(true); }

private:
    std::shared_ptr<cluster::LocalBroker> broker_ = cluster::LocalBroker::create();
    std::vector<const cluster::IPubSub*> connections_;
};

const BusBackendMaker kLocal{"local", [] { return std::make_unique<LocalBackend>(); }};

INSTANTIATE_TEST_SUITE_P(Local, PubSubContract, ::testing::Values(kLocal), maker_name);
INSTANTIATE_TEST_SUITE_P(Local, BusContract, ::testing::Values(kLocal), maker_name);
INSTANTIATE_TEST_SUITE_P(Local, HubContract, ::testing::Values(kLocal), maker_name);

}  // namespace
}  // namespace cryo::test
