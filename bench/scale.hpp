// berkeley-bench scale: what a round and its corrections cost with many slaves, next to bare libzmq.
//
// N slaves live in one other process, behind N DEALERs and N SUBs; the lanes take turns, round by round.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "bench/stats.hpp"

namespace berkeley::bench {

struct ScaleOptions {
    std::vector<std::size_t> slaves{32, 256, 1024};
    std::uint32_t rounds = 50;  ///< counted, of each lane and size
};

inline constexpr std::size_t kScaleSlavesMax = 16'000;
inline constexpr std::size_t kScaleSizesMax = 16;
inline constexpr std::uint32_t kScaleRoundsMax = 100'000;

/// Raises the limit of open files; where some size does not fit into it, a line that says what does.
[[nodiscard]] Result<void> check_scale(const ScaleOptions& options);

/// Forks the hosts. Violations: rounds in which a probe or a correction was lost, of either lane.
/// Requires: one thread in this process, and no ZeroMQ context; check_scale().
[[nodiscard]] Result<Report> run_scale(const ScaleOptions& options);

}  // namespace berkeley::bench
