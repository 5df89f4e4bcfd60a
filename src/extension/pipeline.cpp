#include "extension/pipeline.h"

#include <algorithm>
#include <utility>

namespace cryo::extension {
namespace {

using List = std::vector<std::shared_ptr<Registration>>;

List copy_of(const Snapshot& snapshot) { return snapshot ? *snapshot : List{}; }

auto find_in(const List& list, std::string_view name) {
    return std::find_if(list.begin(), list.end(), [name](const auto& entry) { return entry->name == name; });
}

}  // namespace

Result<Snapshot> Pipeline::add(std::shared_ptr<IExtension> extension) {
    if (!extension) return Error{Errc::invalid_argument, "no extension given"};
    auto registration = std::make_shared<Registration>();
    registration->name = extension->name();
    registration->extension = std::move(extension);
    if (registration->name.empty()) return Error{Errc::invalid_argument, "an extension needs a name"};

    const std::lock_guard lock(mutex_);
    List list = copy_of(current_);
    if (find_in(list, registration->name) != list.end()) {
        return Error{Errc::duplicate, "there is an extension named " + registration->name + " already"};
    }
    registration->order = ++last_order_;
    list.push_back(std::move(registration));
    current_ = std::make_shared<const List>(std::move(list));
    return current_;
}

Result<Snapshot> Pipeline::remove(std::string_view name) {
    const std::lock_guard lock(mutex_);
    List list = copy_of(current_);
    const auto found = find_in(list, name);
    if (found == list.end()) return Error{Errc::not_found, "there is no extension named " + std::string(name)};
    removed_failures_ += (*found)->failures;
    list.erase(found);
    current_ = list.empty() ? nullptr : std::make_shared<const List>(std::move(list));
    return current_;
}

std::shared_ptr<IExtension> Pipeline::find(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    if (!current_) return nullptr;
    const auto found = find_in(*current_, name);
    return found == current_->end() ? nullptr : (*found)->extension;
}

Snapshot Pipeline::snapshot() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

std::uint64_t Pipeline::failures() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = removed_failures_;
    if (current_) {
        for (const auto& entry : *current_) sum += entry->failures;
    }
    return sum;
}

}  // namespace cryo::extension
