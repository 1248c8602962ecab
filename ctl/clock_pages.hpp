// berkeleyctl clock: reads the clock pages of this machine's nodes, as any application can, and compares
// them.
//
// All processes of a machine share CLOCK_MONOTONIC_RAW, so the spread of their clocks at one instant is known
// exactly: that is how a demonstration or a test sees the true error.
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
    std::vector<PageReading> pages;   ///< those that could be read
    std::vector<std::string> errors;  ///< a line for each that could not
    std::int64_t spread_ns = 0;       ///< widest difference of two clocks at one instant
};

struct ClockQuery {
    std::vector<std::string> pages;
    Duration watch{0};  ///< 0: read once; otherwise for so long...
    Duration every = std::chrono::milliseconds{20};
};

/// The clocks at one instant, to the resolution of reading them one after the other. With `watch`: `pages` as
/// of the end, and the widest spread seen.
[[nodiscard]] ClockComparison compare_clocks(const ClockQuery& query);

std::string as_table(const ClockComparison& comparison);
std::string as_json(const ClockComparison& comparison);

}  // namespace berkeley::ctl
