#pragma once

#include <string>
#include <vector>

namespace cryo::auth {

/// Leaves out what is empty or was there before; the order stays.
void remove_repetitions(std::vector<std::string>& topics);

}  // namespace cryo::auth
