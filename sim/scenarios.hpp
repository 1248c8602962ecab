// Scenarios: the conditions and faults that a cluster has to bear in the simulator, and the limits that its
// clocks must keep.
//
// A scenario has two phases. In the first, conditions and faults act while every invariant is asserted at
// every tick (safety). In the second everything heals, and all clocks must agree again within a deadline
// (liveness). A scenario is named by its condition. One seed draws everything: offsets, oscillators, delays
// and the instants of the faults. The same seed gives the same run, bit for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/invariants.hpp"
#include "sim/sim_cluster.hpp"

namespace berkeley::sim {

struct Limits {
    double rms_us = 0;  ///< limit on the slaves' error after settling; 0: no limit
    double max_us = 0;
};

struct Scenario {
    std::string_view name;
    std::string_view summary;
    SimOptions options;
    Duration settle{0};    ///< no clock is scored before this
    Duration duration{0};  ///< of the first phase
    Limits limits;
    /// Adds the nodes and schedules the faults.
    std::function<void(SimCluster&, Prng&, const Scenario&)> begin;
    /// Ends all faults. Where empty, there is no second phase.
    std::function<void(SimCluster&)> heal;
};

struct Outcome {
    std::vector<Violation> violations;
    std::uint64_t codec_failures = 0;
    bool recovered = true;  ///< after healing, within kRecovery
    double rms_us = 0;      ///< over all slaves and ticks that were scored
    double max_us = 0;
    std::uint64_t scored = 0;  ///< clocks at ticks
    double bound_p50_us = 0;   ///< median over the slaves of the bound at the end of the first phase
    std::uint64_t node_rounds = 0;
    std::uint64_t digest = 0;  ///< of every clock at every tick: equal for equal runs
};

inline constexpr Duration kScenarioTick = std::chrono::milliseconds{10};
/// A healed cluster must agree within this time.
inline constexpr Duration kRecovery = std::chrono::seconds{20};

/// Returns all scenarios. Those that replay recorded delays are left out where no recording is given.
std::vector<Scenario> scenarios(const DelayTrace* idle = nullptr, const DelayTrace* loaded = nullptr);

Outcome run(const Scenario& scenario, std::uint64_t seed);

/// The limits of the scenario that the outcome breaks, one line each; empty where it keeps all.
std::vector<std::string> complaints(const Scenario& scenario, const Outcome& outcome);

}  // namespace berkeley::sim
