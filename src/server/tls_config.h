#pragma once

#include <cryo/options.h>

#include "transport/loop.h"

namespace cryo::server {

inline transport::TlsConfig to_config(const TlsOptions& tls) {
    return {.certificate_file = tls.certificate_file,
            .key_file = tls.key_file,
            .client_ca_file = tls.client_ca_file,
            .minimum_version = tls.minimum_version == TlsOptions::Version::tls_1_3 ? 13 : 12};
}

}  // namespace cryo::server
