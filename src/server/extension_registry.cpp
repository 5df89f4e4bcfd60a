#include "server/extension_registry.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cryo::server {
namespace {

Error stopping_error() { return {Errc::wrong_state, "the server is stopping: it takes no extensions any more"}; }

/// Runs a callback that may refuse.
template <class Callback>
Result<> fenced(const IExtension& extension, std::string_view name, Callback&& callback) {
    try {
        return callback();
    } catch (const std::exception& error) {
        return Error{Errc::user_code, fmt::format("{} of \"{}\" threw: {}", name, extension.name(), error.what())};
    } catch (...) {
        return Error{Errc::user_code, fmt::format("{} of \"{}\" threw", name, extension.name())};
    }
}

}  // namespace

ExtensionRegistry::Lock::Lock(ExtensionRegistry& registry) : registry_(registry), guard_(registry.mutex_) {
    registry_.owner_ = std::this_thread::get_id();
}

ExtensionRegistry::Lock::~Lock() { registry_.owner_ = std::thread::id(); }

// -- registered or not -----------------------------------------------------------------------------------------------

Result<> ExtensionRegistry::add(std::shared_ptr<IExtension> extension) {
    if (!extension) return Error{Errc::invalid_argument, "register_extension() was given no extension"};
    const Lock lock(*this);
    if (stopping()) return stopping_error();
    if (pipeline_.find(extension->name())) {
        return Error{Errc::duplicate, fmt::format("an extension \"{}\" is already registered", extension->name())};
    }
    const auto unmount = parts_.mark_routes();  // handlers of an extension that is kept out may refer to it
    auto introduced = introduce(extension);
    if (!introduced) unmount();
    return introduced;
}

Result<> ExtensionRegistry::introduce(const std::shared_ptr<IExtension>& extension) {
    if (auto ready = fenced(*extension, "on_register", [&] { return extension->on_register(parts_.server); }); !ready) {
        return ready;
    }
    auto admitted = admit(extension);
    if (!admitted) extension->on_unregister(parts_.server);
    return admitted;
}

Result<> ExtensionRegistry::admit(const std::shared_ptr<IExtension>& extension) {
    if (running_) {
        if (auto started = start(extension); !started) return started;
    }
    auto snapshot = pipeline_.add(extension);
    if (!snapshot) {
        stop(extension);
        return std::move(snapshot).error();
    }
    parts_.spread(*snapshot);
    return {};
}

Result<> ExtensionRegistry::remove(std::string_view name) {
    const Lock lock(*this);
    const auto extension = pipeline_.find(name);
    if (extension) stop(extension);
    auto snapshot = pipeline_.remove(name);
    if (!snapshot) return std::move(snapshot).error();
    parts_.spread(*snapshot);
    extension->on_unregister(parts_.server);
    return {};
}

void ExtensionRegistry::close() {
    const Lock lock(*this);
    running_ = false;
    {
        const std::lock_guard started_lock(started_mutex_);
        stopping_ = true;
        started_.clear();
    }
    if (const auto extensions = pipeline_.snapshot()) {
        for (const auto& registration : *extensions) {
            (void)pipeline_.remove(registration->name);
            registration->extension->on_unregister(parts_.server);
        }
    }
}

// -- started or not --------------------------------------------------------------------------------------------------

Result<> ExtensionRegistry::start_all() {
    running_ = true;
    const auto extensions = pipeline_.snapshot();
    if (!extensions) return {};
    for (const auto& registration : *extensions) {
        if (auto started = start(registration->extension); !started) {
            const std::lock_guard lock(started_mutex_);
            stopping_ = true;
            const Error& error = started.error();
            return Error{error.code, fmt::format("extension \"{}\": {}", registration->name, error.message)};
        }
    }
    return {};
}

Result<> ExtensionRegistry::start(const std::shared_ptr<IExtension>& extension) {
    auto [hold, gone] = holds_.take();
    if (auto ready = fenced(*extension, "on_start", [&] { return extension->on_start(parts_.server); }); !ready) {
        return ready;
    }
    bool late = false;
    {
        const std::lock_guard lock(started_mutex_);
        started_.push_back({extension, std::move(hold), std::move(gone)});
        late = stopping_;
    }
    if (!late) return {};
    stop(extension);  // `stop_all` may have looked already
    return stopping_error();
}

void ExtensionRegistry::stop_all() {
    std::unique_lock lock(started_mutex_);
    stopping_ = true;
    for (;;) {
        const auto last = std::find_if(started_.rbegin(), started_.rend(),
                                       [](const Started& entry) { return entry.hold.has_value(); });
        if (last == started_.rend()) return;
        const auto extension = last->extension;
        StopHold hold = std::move(*last->hold);
        last->hold.reset();
        lock.unlock();
        call_on_stop(*extension, std::move(hold));
        lock.lock();
    }
}

/// Has one extension stop, if it was started, and waits until it has.
void ExtensionRegistry::stop(const std::shared_ptr<IExtension>& extension) {
    const auto is_it = [&](const Started& entry) { return entry.extension == extension; };
    std::optional<StopHold> hold;
    std::shared_future<void> hold_gone;
    {
        const std::lock_guard lock(started_mutex_);
        const auto entry = std::find_if(started_.begin(), started_.end(), is_it);
        if (entry == started_.end()) return;
        hold = std::exchange(entry->hold, std::nullopt);  // else `stop_all` has called, or is about to
        hold_gone = entry->hold_gone;
    }
    if (hold) call_on_stop(*extension, std::move(*hold));
    (void)hold_gone.wait_for(parts_.drain_timeout);
    const std::lock_guard lock(started_mutex_);
    std::erase_if(started_, is_it);
}

void ExtensionRegistry::call_on_stop(IExtension& extension, StopHold hold) {
    try {
        extension.on_stop(parts_.server, std::move(hold));
    } catch (...) {
        parts_.report(fmt::format("on_stop of \"{}\"", extension.name()), std::current_exception());
    }
}

bool ExtensionRegistry::stopping() const {
    const std::lock_guard lock(started_mutex_);
    return stopping_;
}

}  // namespace cryo::server
