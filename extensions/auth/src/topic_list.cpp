#include "topic_list.h"

#include <unordered_set>

namespace cryo::auth {

void remove_repetitions(std::vector<std::string>& topics) {
    std::unordered_set<std::string> seen;
    std::erase_if(topics, [&](const std::string& topic) { return topic.empty() || !seen.insert(topic).second; });
}

}  // namespace cryo::auth
