// One run of a scenario: its clocks are scored and its invariants watched.

#include <algorithm>
#include <cmath>

#include "sim/scenario_parts.hpp"

namespace berkeley::sim {

using std::chrono::milliseconds;

namespace {

/// Scores the clocks of one run tick by tick.
class Score {
public:
    void look(const SimCluster& cluster, const Invariants& invariants, bool counts) {
        for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
            if (!cluster.alive(i)) continue;
            digest_ = (digest_ ^ static_cast<std::uint64_t>(to_ns(cluster.clock(i)))) * 0x100000001b3ULL;
            const Discipline& clock = cluster.slave(i).discipline();
            if (!counts || cluster.lies(i) || cluster.paused(i) || !clock.trusted()) continue;
            if (cluster.stalled_unnoticed(i)) continue;
            const auto error = invariants.error(i);
            if (!error || *error == Duration{0}) continue;
            const double off = static_cast<double>(error->count()) * 1e-3;
            sum_ += off * off;
            ++count_;
            max_ = std::max(max_, std::abs(off));
        }
    }
    void into(Outcome& outcome) const {
        outcome.rms_us = count_ > 0 ? std::sqrt(sum_ / static_cast<double>(count_)) : 0;
        outcome.max_us = max_;
        outcome.scored = count_;
        outcome.digest = digest_;
    }

private:
    double sum_ = 0;
    double max_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t digest_ = 0xcbf29ce484222325ULL;
};

bool agree(const SimCluster& cluster) {
    for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
        if (!cluster.alive(i)) return false;
        if (cluster.slave(i).discipline().status() != ClockStatus::synchronized) return false;
    }
    return cluster.spread() < milliseconds{1};
}

std::string tenths(double value) {
    const auto rounded = std::llround(value * 10);
    return std::to_string(rounded / 10) + "." + std::to_string(rounded % 10);
}

}  // namespace

Outcome run(const Scenario& scenario, std::uint64_t seed) {
    Prng prng(seed);
    SimCluster cluster(prng.next(), scenario.options);
    Invariants invariants(cluster);
    scenario.begin(cluster, prng, scenario);
    Score score;
    Outcome outcome;
    // We check an hour more coarsely than a minute, and every event in any case.
    const Duration tick = std::max(kScenarioTick, scenario.duration / 20'000);
    while (cluster.now() < after(scenario.duration)) {
        cluster.run_for(tick);
        invariants.check();
        score.look(cluster, invariants, cluster.now() > after(scenario.settle));
    }
    std::vector<double> bounds;
    for (SimCluster::NodeIndex i = 0; i < cluster.size(); ++i) {
        if (!cluster.alive(i)) continue;
        bounds.push_back(static_cast<double>(cluster.slave(i).discipline().bound(cluster.raw(i)).count()) *
                         1e-3);
    }
    std::sort(bounds.begin(), bounds.end());
    if (!bounds.empty()) outcome.bound_p50_us = bounds[bounds.size() / 2];
    if (scenario.heal) {
        scenario.heal(cluster);
        const TrueTime deadline = cluster.now() + kRecovery;
        while (!agree(cluster) && cluster.now() < deadline) {
            cluster.run_for(tick);
            invariants.check();
            score.look(cluster, invariants, false);
        }
        outcome.recovered = agree(cluster);
    }
    score.into(outcome);
    outcome.violations = invariants.violations();
    outcome.codec_failures = cluster.codec_failures();
    const auto rounds = to_ns(cluster.now()) / scenario.options.interval.count();
    outcome.node_rounds = static_cast<std::uint64_t>(rounds) * (cluster.size() - 1);
    return outcome;
}

std::vector<std::string> complaints(const Scenario& scenario, const Outcome& outcome) {
    std::vector<std::string> lines;
    for (const Violation& violation : outcome.violations) lines.push_back(to_string(violation));
    if (outcome.codec_failures > 0) lines.push_back("the codec changed a message");
    if (outcome.scored == 0) lines.push_back("no clock ever knew the time");
    if (!outcome.recovered) lines.push_back("the clocks did not agree again within 20 s after healing");
    const auto limit = [&](const char* what, double value, double allowed) {
        if (allowed <= 0 || value <= allowed) return;
        lines.push_back(std::string(what) + " error " + tenths(value) + " us, allowed " + tenths(allowed) +
                        " us");
    };
    limit("RMS", outcome.rms_us, scenario.limits.rms_us);
    limit("maximum", outcome.max_us, scenario.limits.max_us);
    return lines;
}

}  // namespace berkeley::sim
