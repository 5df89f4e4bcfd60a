#include "directory.h"

namespace cryo::hub {

std::optional<Directory::Added> Directory::add(Interest::Kind kind, std::string_view name, std::size_t loop) {
    return map_of(kind).with(name, [&](LoopMap::Map& map) -> std::optional<Added> {
        auto entry = map.find(name);
        const bool first = entry == map.end();
        if (first) {
            if (kind == Interest::Kind::topic && topic_count_.fetch_add(1, std::memory_order_relaxed) >= max_topics_) {
                topic_count_.fetch_sub(1, std::memory_order_relaxed);
                return std::nullopt;
            }
            entry = map.try_emplace(std::string(name)).first;
        }
        entry->second.set(loop);
        return Added{entry->first, first};
    });
}

bool Directory::remove(Interest::Kind kind, std::string_view name, std::size_t loop) {
    return map_of(kind).with(name, [&](LoopMap::Map& map) {
        const auto entry = map.find(name);
        if (entry == map.end()) return false;
        entry->second.reset(loop);
        if (entry->second.any()) return false;
        map.erase(entry);
        if (kind == Interest::Kind::topic) topic_count_.fetch_sub(1, std::memory_order_relaxed);
        return true;
    });
}

LoopSet Directory::loops(Interest::Kind kind, std::string_view name) const {
    return map_of(kind).with(name, [&](const LoopMap::Map& map) {
        const auto entry = map.find(name);
        return entry == map.end() ? LoopSet{} : entry->second;
    });
}

bool Directory::add_connection(const std::string& id, Place place) {
    return connections_.with(id, [&](auto& map) { return map.try_emplace(id, place).second; });
}

void Directory::remove_connection(const std::string& id) {
    connections_.with(id, [&](auto& map) { map.erase(id); });
}

std::optional<Directory::Place> Directory::find_connection(std::string_view id) const {
    return connections_.with(id, [&](const auto& map) -> std::optional<Place> {
        const auto entry = map.find(id);
        if (entry == map.end()) return std::nullopt;
        return entry->second;
    });
}

bool Directory::contains(const Interest& interest) const {
    if (interest.kind == Interest::Kind::connection) return find_connection(interest.name).has_value();
    return loops(interest.kind, interest.name).any();
}

void Directory::for_each(const std::function<void(const Interest&)>& visit) const {
    topics_.for_each([&](const std::string& name, const LoopSet&) { visit({Interest::Kind::topic, name}); });
    users_.for_each([&](const std::string& name, const LoopSet&) { visit({Interest::Kind::user, name}); });
    connections_.for_each([&](const std::string& name, const Place&) { visit({Interest::Kind::connection, name}); });
}

}  // namespace cryo::hub
