// berkeley-bench estimators: what each part of the estimator is worth, against its rivals, offline.
//
// A modelled oscillator is polled in bursts of 8 over modelled or recorded delays; each estimator sees the
// same samples and is asked for the offset at the end of each burst, when the product computes its
// corrections. The truth is known, so the error is. A seed gives the same run everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/benchmarks.hpp"
#include "bench/estimator_rivals.hpp"
#include "sim/delay_trace.hpp"
#include "sim/network.hpp"
#include "sim/oscillator.hpp"

namespace berkeley::bench {

struct StudyScenario {
    std::string name;
    Duration interval = std::chrono::seconds{1};
    sim::NetworkModel network;
    sim::OscillatorModel oscillator;  ///< of the slave; the master's is perfect, only the difference counts
};

/// Rows "scenario/estimator": the absolute error in us; ratios: each one's RMS over the product's.
Report study(std::span<const StudyScenario> scenarios, std::span<const RivalKind> kinds, std::uint64_t seeds);

/// The simulated ones.
std::vector<StudyScenario> study_scenarios();

}  // namespace berkeley::bench
