#pragma once

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "deployment.h"

namespace cryo::test {

/// One deployment of each kind, made when it is first asked for, and ended with the program.
class Deployments : public ::testing::Environment {
public:
    void TearDown() override { made_.clear(); }

    Deployment& of(Deployment::Kind kind) {
        auto& deployment = made_[kind];
        if (!deployment) deployment = std::make_unique<Deployment>(kind);
        return *deployment;
    }

private:
    std::map<Deployment::Kind, std::unique_ptr<Deployment>> made_;
};

/// GoogleTest owns it.
inline Deployments* const kDeployments =
    static_cast<Deployments*>(::testing::AddGlobalTestEnvironment(new Deployments));

/// What must be the same however a broker is deployed. A deployment serves all tests of its kind, which keep apart by
/// the names of their users and channels.
class EveryDeployment : public ::testing::TestWithParam<Deployment::Kind> {
protected:
    Deployment& broker() { return kDeployments->of(GetParam()); }

    /// A name that no other test uses.
    static std::string unique(const std::string& name) {
        static int counter = 0;
        return name + std::to_string(++counter);
    }

    std::string id_of(const std::string& user) {
        const auto connections = broker().info("user=" + user)["connections"];
        return connections.size() == 1 ? connections[0]["id"].get<std::string>() : "(not one)";
    }

    /// Whether the client has got nothing up to now: what is sent to it now comes next.
    ::testing::AssertionResult got_nothing(BrokerClient& client, const std::string& user) {
        const auto marker = unique(BrokerClient::kMarker);
        broker().post("/send?type=text&user=" + user, marker);
        if (client.gets_marker(marker)) return ::testing::AssertionSuccess();
        return ::testing::AssertionFailure() << "got something else";
    }
};

inline std::string name_of(const ::testing::TestParamInfo<Deployment::Kind>& info) { return to_string(info.param); }

}  // namespace cryo::test

/// One line a file: the tests of a suite for every kind of deployment.
#define CRYO_IN_EVERY_DEPLOYMENT(suite)                                                                     \
    INSTANTIATE_TEST_SUITE_P(                                                                               \
        Broker, suite,                                                                                      \
        ::testing::Values(::cryo::test::Deployment::Kind::memory, ::cryo::test::Deployment::Kind::redis,    \
                          ::cryo::test::Deployment::Kind::direct, ::cryo::test::Deployment::Kind::cluster), \
        ::cryo::test::name_of)
