// berkeley-bench simulate: the simulator's scenarios, many seeds of each, on all CPUs; or one large cluster.
//
// What fails is told with its seed, and `--scenario NAME --seed N` repeats that run bit for bit.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "bench/stats.hpp"

namespace berkeley::bench {

struct SimulateOptions {
    std::string scenario;  ///< empty: all
    std::uint64_t first_seed = 1;
    std::uint64_t seeds = 20;
    std::string idle_trace;  ///< recordings to replay; empty: none
    std::string loaded_trace;
    std::uint32_t slaves = 0;    ///< > 0: no scenario, but one cluster of that size...
    std::uint32_t rounds = 100;  ///< ...for so many rounds
};

inline constexpr std::uint64_t kSeedsMax = 1'000'000;
inline constexpr std::uint32_t kSimulatedSlavesMax = 16'000;
inline constexpr std::uint32_t kSimulatedRoundsMax = 1'000'000;

/// Whether there is such a scenario, and its recordings; else a line that names the option and what is
/// allowed.
[[nodiscard]] Result<void> check_simulate(const SimulateOptions& options);

/// Violations: runs that broke a promise or a limit; each is told on stderr, with its seed.
[[nodiscard]] Result<Report> run_simulate(const SimulateOptions& options);

/// Names and summaries, one line each.
std::string scenario_list();

}  // namespace berkeley::bench
