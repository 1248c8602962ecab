// look_up_host: the addresses of a host by the system's resolver (/etc/hosts, DNS). It may take half a
// minute, so it is for a thread that may wait. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace berkeley {

/// Numeric addresses of all families, best first, IPv6 in brackets as in a URL; at least one.
[[nodiscard]] Result<std::vector<std::string>> look_up_host(const std::string& host);

}  // namespace berkeley
