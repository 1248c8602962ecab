// Bounds as berkeleyctl prints them. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace berkeley::ctl {

/// "84 us"; "unknown" for the bound of a clock that was never synchronised.
std::string bound_text(Duration bound);

/// The bound for JSON; nothing where it is unknown.
std::optional<std::int64_t> known_bound_ns(Duration bound);

}  // namespace berkeley::ctl
