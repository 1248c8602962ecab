// berkeley-bench takeover: kills the master of a real cluster again and again, and measures what users see of
// it.
//
// Two candidates and some slaves on this machine. All share CLOCK_MONOTONIC_RAW, in which every JSON event is
// stamped: so the times from the kill are exact, whichever process tells them. The killed one comes back as
// the standby, with its state, and is the next one's successor.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/stats.hpp"

namespace berkeley::bench {

struct TakeoverOptions {
    std::uint32_t kills = 50;
    std::uint32_t slaves = 8;
    Duration interval = std::chrono::milliseconds{250};
    /// From when the standby that was killed is back, until the next kill: its clock has to settle.
    Duration settle = std::chrono::seconds{10};
    std::uint64_t seed = 1;
    bool default_profile = true;  ///< heartbeats every 100 ms, timeout 500 ms
    bool fast_profile = true;     ///< 20 ms and 100 ms
};

inline constexpr std::uint32_t kKillsMax = 10'000;

/// Violations: kills without a takeover, clocks that were stepped, pairs of clocks further apart than their
/// bounds.
[[nodiscard]] Result<Report> run_takeover(const TakeoverOptions& options);

}  // namespace berkeley::bench
