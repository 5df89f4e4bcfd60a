#pragma once

#include <string>

#include <cryo/nats/pub_sub.h>

#include "nats_ptr.h"

namespace cryo::nats {

/// Every problem, or empty.
std::string problems_of(const Options& options);

/// What libnats is to be told, without callbacks. Errors: `tls_configuration`, `invalid_option`, `system`.
Result<OptionsPtr> to_nats_options(const Options& options);

/// Overwrites the passwords, which the library has by then.
void wipe_secrets(Options& options) noexcept;

/// The servers for a log line, without what stands before an `@`.
std::string printable_servers(const Options& options);

}  // namespace cryo::nats
