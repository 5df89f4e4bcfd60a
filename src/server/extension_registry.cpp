#include "server/extension_registry.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

namespace cryo::server {

ExtensionRegistry::Lock::Lock(ExtensionRegistry& registry) : registry_(registry), guard_(registry.mutex_) {
    registry_.owner_ = std::this_thread::get_id();
}

ExtensionRegistry::Lock::~Lock() { registry_.owner_ = std::thread::id(); }

Result<> ExtensionRegistry::add(std::shared_ptr<IExtension> extension) {
    if (!extension) return Error{Errc::invalid_argument, "register_extension() was given no extension"};
    const Lock lock(*this);
    if (closed_) return Error{Errc::wrong_state, "the server has stopped: it takes no extensions any more"};
    if (pipeline_.find(extension->name())) {
        return Error{Errc::duplicate, fmt::format("an extension \"{}\" is already registered", extension->name())};
    }
    if (auto ready = fenced_on_register(*extension); !ready) return ready;
    auto snapshot = pipeline_.add(extension);
    if (!snapshot) {
        extension->on_unregister(server_);
        return std::move(snapshot).error();
    }
    spread_(*snapshot);
    return {};
}

Result<> ExtensionRegistry::remove(std::string_view name) {
    const Lock lock(*this);
    const auto extension = pipeline_.find(name);
    auto snapshot = pipeline_.remove(name);
    if (!snapshot) return std::move(snapshot).error();
    spread_(*snapshot);
    extension->on_unregister(server_);
    return {};
}

void ExtensionRegistry::close() {
    const Lock lock(*this);
    closed_ = true;
    if (const auto extensions = pipeline_.snapshot()) {
        for (const auto& registration : *extensions) {
            (void)pipeline_.remove(registration->name);
            registration->extension->on_unregister(server_);
        }
    }
}

Result<> ExtensionRegistry::fenced_on_register(IExtension& extension) {
    try {
        return extension.on_register(server_);
    } catch (const std::exception& error) {
        return Error{Errc::user_code, fmt::format("on_register of \"{}\" threw: {}", extension.name(), error.what())};
    } catch (...) {
        return Error{Errc::user_code, fmt::format("on_register of \"{}\" threw", extension.name())};
    }
}

}  // namespace cryo::server
