#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cryo::cluster {

inline constexpr std::size_t kMaxClusterBytes = 32;
inline constexpr std::size_t kMaxNodeBytes = 64;
inline constexpr std::size_t kMaxPortBytes = 32;
inline constexpr std::size_t kMaxTopicBytes = 1024;

/// 1 to `most` of `A-Z a-z 0-9 _ -`: what clusters, nodes and ports are called.
bool is_name(std::string_view name, std::size_t most) noexcept;

/// Where every node listens.
std::string all_nodes_channel(std::string_view cluster);
/// Where one node listens.
std::string node_channel(std::string_view cluster, std::string_view node);
/// Where those listen that subscribed a topic. Topics are any bytes; long ones are told apart by their SHA-256.
std::string topic_channel(std::string_view cluster, std::string_view port, std::string_view topic);

}  // namespace cryo::cluster
