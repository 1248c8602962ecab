// DelayTrace: the one-way delays of a real run's polls. The simulator and the study of estimators replay
// them. On one machine both ends read the same raw clock, so the delay of each way is known exactly.
//
// Text, one probe a line, after a first line "# berkeley delays 1"; other lines that begin with # are
// comments:
//   at_ns probe forward_ns backward_ns      at: of the burst's begin, since the recording's; probe: 0, 1, ...
// A line whose probe is 0 begins a burst. Bounded by kTraceProbesMax. Plain values; thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley::sim {

struct PathDelay {
    Duration forward{0};   ///< t2 - t1, master to slave
    Duration backward{0};  ///< t4 - t3
    friend bool operator==(const PathDelay&, const PathDelay&) = default;
};

struct TraceBurst {
    Duration at{0};
    std::vector<PathDelay> probes;  ///< never empty
    friend bool operator==(const TraceBurst&, const TraceBurst&) = default;
};

using DelayTrace = std::vector<TraceBurst>;

inline constexpr std::size_t kTraceProbesMax = 4'000'000;

/// The error names the line and says what is allowed.
Result<DelayTrace> parse_trace(std::string_view text);
std::string format_trace(const DelayTrace& trace);

}  // namespace berkeley::sim
