// berkeleyctl clock: reads the clock pages of this machine's nodes, as any application can, and compares
// them.
//
// All processes of a machine share CLOCK_MONOTONIC_RAW, so the spread of their clocks at one instant is
// known exactly. Demonstrations and tests see the true error this way.
#pragma once

#include <string>
#include <vector>

#include "base/time.hpp"

namespace berkeley::ctl {

struct PageReading {
    std::string path;
    std::int64_t now_ns = 0;
    std::int64_t bound_ns = 0;  ///< half-width of the interval
    std::uint64_t term = 0;
    std::uint32_t disruption = 0;
    int status = 0;  ///< enum berkeley_clock_status
};

struct ClockComparison {
    std::vector<PageReading> pages;   ///< pages that could be read
    std::vector<std::string> errors;  ///< a line for each page that could not be read
    std::int64_t spread_ns = 0;       ///< widest difference of two clocks at one instant
};

struct ClockQuery {
    std::vector<std::string> pages;
    Duration watch{0};  ///< 0: read once; otherwise for so long...
    Duration every = std::chrono::milliseconds{20};
};

/// Compares the clocks at one instant, as closely as one can read them one after the other. With `watch`,
/// `pages` is the last reading and the spread is the widest seen.
[[nodiscard]] ClockComparison compare_clocks(const ClockQuery& query);

std::string as_table(const ClockComparison& comparison);
std::string as_json(const ClockComparison& comparison);

}  // namespace berkeley::ctl
