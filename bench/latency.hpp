// berkeley-bench latency: what a poll costs, next to what its transport costs by itself.
//
// The paths take turns in an order drawn anew each time: a block of probes on one, then on another, so that
// whatever else the machine does hits all of them alike and a ratio of two holds where the figures themselves
// do not. The first probes of a block only wake the path's peer, as in the product's bursts, and are not
// counted.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "bench/stats.hpp"

namespace berkeley::bench {

struct LatencyOptions {
    std::uint64_t count = 10'000;  ///< counted probes of each path
};

inline constexpr std::uint64_t kLatencyCountMax = 10'000'000;

/// Forks the peers. Requires: one thread in this process, and no ZeroMQ context.
[[nodiscard]] Result<Report> run_latency(const LatencyOptions& options);

}  // namespace berkeley::bench
