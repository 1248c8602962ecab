// Scenarios: what a cluster has to live through in the simulator, and how good its clocks must be meanwhile.
//
// A scenario has two phases: conditions and faults, with every invariant asserted at every tick (safety);
// then everything heals, and within a deadline all clocks must agree again (liveness). Scenarios are named by
// their condition. One seed draws everything: offsets, oscillators, delays and the faults' instants; the same
// seed gives the same run, bit for bit.
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
    double rms_us = 0;  ///< of the slaves' error after settling; 0: not asked
    double max_us = 0;
};

struct Scenario {
    std::string_view name;
    std::string_view summary;
    SimOptions options;
    Duration settle{0};    ///< not scored before
    Duration duration{0};  ///< of the first phase
    Limits limits;
    /// Adds the nodes and schedules the faults.
    std::function<void(SimCluster&, Prng&, const Scenario&)> begin;
    /// Ends all faults. Nothing: there is no second phase.
    std::function<void(SimCluster&)> heal;
};

struct Outcome {
    std::vector<Violation> violations;
    std::uint64_t violations_total = 0;
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
/// By then healed clusters agree.
inline constexpr Duration kRecovery = std::chrono::seconds{20};

/// All of them. `trace`: recorded delays; scenarios that replay them are left out where there are none.
std::vector<Scenario> scenarios(const DelayTrace* idle = nullptr, const DelayTrace* loaded = nullptr);

Outcome run(const Scenario& scenario, std::uint64_t seed);

/// What the outcome lacks of the scenario's limits, one line each; empty where all is well.
std::vector<std::string> complaints(const Scenario& scenario, const Outcome& outcome);

}  // namespace berkeley::sim
