#pragma once

#include <string>

#include <cryo/unique_function.h>

#include "roster.h"

namespace cryo::broker {

/// Makes the members of a worker known to other processes.
///
/// Thread safety: called on the home loop, where it answers too, possibly from within the call. Each is told whether it
/// is in effect, or will be by itself when what is away returns; false is to be expected under overload only.
class IRegistrar {
public:
    using Done = UniqueFunction<void(bool)>;

    virtual ~IRegistrar() = default;

    virtual void add(const MemberPtr& member, Done done) = 0;
    virtual void remove(const MemberPtr& member, Done done) = 0;
    /// After its `channels` have changed.
    virtual void subscribed(const MemberPtr& member, const std::string& channel, Done done) = 0;
    virtual void unsubscribed(const MemberPtr& member, const std::string& channel, Done done) = 0;
};

/// For a worker that is alone in its process: there is nobody to tell.
class NoRegistrar final : public IRegistrar {
public:
    void add(const MemberPtr&, Done done) override { done(true); }
    void remove(const MemberPtr&, Done done) override { done(true); }
    void subscribed(const MemberPtr&, const std::string&, Done done) override { done(true); }
    void unsubscribed(const MemberPtr&, const std::string&, Done done) override { done(true); }
};

}  // namespace cryo::broker
