// Durations as people write and read them: "250ms", "2.5s", "-10m" in; "+1.2 us", "-10 min" out. Parsing is
// exact and uses no floating point: a fraction of a nanosecond is an error. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley {

/// Parses a decimal number with one of the units ns, us, ms, s, m (or min), h, d. "0" needs no unit. A sign
/// is allowed.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

struct DurationRange {
    Duration least;
    Duration most;
};

/// Parses a duration and checks that it lies in `range`. The error names the range as range_text writes it.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text, DurationRange range);
/// "50ms to 1h"
std::string range_text(DurationRange range);

/// For people, two digits or so: "84 us", "-10 min", "2.5 s".
std::string duration_text(Duration value);

/// The same with a plus sign where positive: "+1.2 us". Zero has no sign.
std::string signed_duration_text(Duration value);

/// Exact and readable back by parse_duration, in the largest unit that divides it: "250ms", "1h".
std::string duration_literal(Duration value);

}  // namespace berkeley
