#include "channel.h"

#include <algorithm>
#include <array>

#include <openssl/sha.h>

#include <cryo/cluster/pub_sub.h>

namespace cryo::cluster {
namespace {

// What is left of a channel's name beside the cluster's, the port's and the separators.
constexpr std::size_t kMaxEncodedTopic = 160;
static_assert(kMaxClusterBytes + 3 + kMaxPortBytes + 1 + kMaxEncodedTopic <= kMaxChannelBytes);
static_assert(kMaxClusterBytes + 3 + kMaxNodeBytes <= kMaxChannelBytes);

bool is_name_char(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

void append_hex(std::string& out, unsigned char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
}

/// Other bytes than those of names as `=xx`. Longer than fits: `==` and a hash, which no shorter topic looks like.
void append_topic(std::string& out, std::string_view topic) {
    const auto start = out.size();
    for (const char c : topic) {
        if (is_name_char(c)) {
            out += c;
        } else {
            out += '=';
            append_hex(out, static_cast<unsigned char>(c));
        }
        if (out.size() - start > kMaxEncodedTopic) break;
    }
    if (out.size() - start <= kMaxEncodedTopic) return;
    out.resize(start);
    out += "==";
    std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
    SHA256(reinterpret_cast<const unsigned char*>(topic.data()), topic.size(), hash.data());
    for (const auto byte : hash) append_hex(out, byte);
}

std::string start_of(std::string_view cluster, std::string_view kind, std::size_t more) {
    std::string out;
    out.reserve(cluster.size() + kind.size() + more);
    out += cluster;
    out += kind;
    return out;
}

}  // namespace

bool is_channel_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxChannelBytes) return false;
    char previous = ':';
    for (const char c : name) {
        if (c == ':' ? previous == ':' : c != '=' && !is_name_char(c)) return false;
        previous = c;
    }
    return previous != ':';
}

bool is_name(std::string_view name, std::size_t most) noexcept {
    return !name.empty() && name.size() <= most && std::all_of(name.begin(), name.end(), is_name_char);
}

std::string all_nodes_channel(std::string_view cluster) { return start_of(cluster, ":all", 0); }

std::string node_channel(std::string_view cluster, std::string_view node) {
    auto out = start_of(cluster, ":n:", node.size());
    out += node;
    return out;
}

std::string topic_channel(std::string_view cluster, std::string_view port, std::string_view topic) {
    auto out = start_of(cluster, ":t:", port.size() + 1 + topic.size());
    out += port;
    out += ':';
    append_topic(out, topic);
    return out;
}

}  // namespace cryo::cluster
