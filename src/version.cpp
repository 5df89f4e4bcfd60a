#include <cryo/version.h>

namespace cryo {

std::string_view version() noexcept { return CRYO_VERSION_STRING; }

}  // namespace cryo
