// berkeleyctl clock: reads the clock pages of this machine's nodes, as any application can, and compares
// them.
//
// All processes of a machine share CLOCK_MONOTONIC_RAW, so the spread of their clocks at one instant is
// known exactly. Demonstrations and tests see the true error this way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "berkeley/clock.h"

namespace berkeley::ctl {

/// In the words of the events and of this program's tables.
std::string_view status_text(int status);

/// Half the width of an interval, also of one that says nothing.
std::int64_t half_width_ns(const berkeley_clock_interval& interval);

struct PageReading {
    std::string path;
    std::int64_t now_ns = 0;
    std::int64_t bound_ns = 0;  ///< half-width of the interval
    std::uint64_t term = 0;
    std::uint32_t disruption = 0;
    int status = 0;                    ///< enum berkeley_clock_status
    std::int64_t age_ns = 0;           ///< since the measurement behind the last correction
    std::int64_t suspect_for_ns = -1;  ///< for how long the others disagree; -1: they agree
    bool running = false;              ///< the node writes its page
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
