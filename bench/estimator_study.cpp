// berkeley-bench estimators: what each part of the estimator is worth, against its rivals, offline.
//
// A modelled oscillator is polled in bursts of 8 over modelled or recorded delays; each estimator sees the
// same samples and is asked for the offset at the end of each burst, when the product computes its
// corrections. The truth is known, so the error is. A seed gives the same run everywhere.

#include <cmath>
#include <filesystem>

#include "bench/benchmarks.hpp"
#include "bench/estimator_rivals.hpp"
#include "sim/network.hpp"
#include "sim/oscillator.hpp"

namespace berkeley::bench {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kProbes = 8;
constexpr TrueTime kEnd{seconds{300}};
/// Errors count from here on: how fast an estimator learns is another question.
constexpr TrueTime kSettled{seconds{30}};
/// What a slave needs between reception and answer.
constexpr Duration kResidence = microseconds{5};
/// Raw clocks of different machines have nothing in common.
constexpr Duration kBase = seconds{1000};
/// Keeps the generators of oscillator and network apart.
constexpr std::uint64_t kNetworkSeed = 0x6e6574;

struct StudyScenario {
    std::string name;
    Duration interval = std::chrono::seconds{1};
    sim::NetworkModel network;
    sim::OscillatorModel oscillator;  ///< of the slave; the master's is perfect, only the difference counts
};

/// One run: the samples of a master whose raw clock is true time, and of one slave.
class Run {
public:
    Run(const StudyScenario& scenario, std::uint64_t seed)
        : oscillator_(scenario.oscillator, kBase, seed), network_(scenario.network, seed ^ kNetworkSeed) {}

    /// Probes one after the other; ends short at a lost one. `now` becomes the end of the burst.
    std::span<const Sample> burst(TrueTime& now) {
        samples_.clear();
        for (std::uint32_t i = 0; i < kProbes; ++i) {
            const Duration there = network_.delay(0, 1, true, i);
            const Duration back = network_.delay(1, 0, false, i);
            if (network_.copies() == 0) break;  // one draw for both ways: the share of probes that are lost
            const TrueTime received = now + there;
            const RawTime t2 = oscillator_.raw(received);
            const RawTime t3 = oscillator_.raw(received + kResidence);
            const TrueTime returned = received + kResidence + back;
            const auto sample = cristian({master(now), t2, t3, master(returned)});
            if (sample) samples_.push_back(*sample);
            now = returned;
        }
        return samples_;
    }

    double offset(TrueTime now) { return static_cast<double>((oscillator_.raw(now) - master(now)).count()); }

    static RawTime master(TrueTime t) { return from_ns<RawTime>(to_ns(t)); }

private:
    sim::Oscillator oscillator_;
    sim::Network network_;
    std::vector<Sample> samples_;
};

void run_once(const StudyScenario& scenario, std::span<const RivalKind> kinds, std::uint64_t seed,
              std::vector<Samples>& errors) {
    Run run(scenario, seed);
    std::vector<std::unique_ptr<Rival>> rivals;
    for (const RivalKind& kind : kinds) rivals.push_back(kind.make());
    for (TrueTime begin{}; begin < kEnd; begin += scenario.interval) {
        TrueTime now = begin;
        const auto samples = run.burst(now);
        const double truth = run.offset(now);
        for (std::size_t i = 0; i < rivals.size(); ++i) {
            rivals[i]->round(samples);
            if (now < kSettled) continue;
            if (const auto offset = rivals[i]->predict(Run::master(now))) {
                errors[i].add(std::abs(*offset - truth) * 1e-3);
            }
        }
    }
}

/// 100 ppm off and wandering by 1 ppb per root second, as crystals do.
StudyScenario scenario(std::string name, Duration base, Duration jitter_mean) {
    StudyScenario scenario;
    scenario.name = std::move(name);
    scenario.network.base = base;
    scenario.network.jitter_mean = jitter_mean;
    scenario.oscillator.ppm = 100;
    scenario.oscillator.wander_ppb = 1;
    return scenario;
}

/// The simulated ones.
std::vector<StudyScenario> study_scenarios() {
    std::vector<StudyScenario> all;
    all.push_back(scenario("jitter", microseconds{100}, microseconds{100}));
    all.push_back(scenario("loss", microseconds{100}, microseconds{100}));
    all.back().network.loss = 0.33;
    all.push_back(scenario("lan", microseconds{25}, microseconds{5}));
    all.push_back(scenario("spikes", microseconds{25}, microseconds{5}));
    all.back().network.spikes = 0.005;  // of the messages: one probe in a hundred
    all.back().network.spike = milliseconds{5};
    all.push_back(scenario("sine", microseconds{25}, microseconds{5}));
    all.back().oscillator.sine_ppb = 1'000;
    all.push_back(scenario("step", microseconds{25}, microseconds{5}));
    all.back().oscillator.steps = {{TrueTime{seconds{150}}, 1'000}};
    return all;
}

/// Rows "scenario/estimator": the absolute error in us; ratios: each one's RMS over the product's.
Report study(std::span<const StudyScenario> scenarios, std::span<const RivalKind> kinds,
             std::uint64_t seeds) {
    Report report;
    report.bench = "estimators";
    report.machine = machine_facts(
        {{"seeds", std::to_string(seeds)},
         {"burst", std::to_string(kProbes) + " probes, for 300 s, the first 30 s not counted"}});
    Progress progress("estimators", scenarios.size() * seeds);
    std::uint64_t done = 0;
    for (const StudyScenario& scenario : scenarios) {
        std::vector<Samples> errors(kinds.size());
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            progress.update(done++);
            run_once(scenario, kinds, seed, errors);
        }
        std::vector<double> rms;
        double product = 0;
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            Row row = errors[i].row(scenario.name + "/" + kinds[i].name, "us");
            row.rms = errors[i].rms();
            rms.push_back(*row.rms);
            if (kinds[i].name == kProduct) product = *row.rms;
            report.rows.push_back(std::move(row));
        }
        for (std::size_t i = 0; product > 0 && i < kinds.size(); ++i) {
            if (kinds[i].name == kProduct) continue;
            report.ratios.emplace_back(scenario.name + "/" + kinds[i].name + "_rms", rms[i] / product);
        }
    }
    return report;
}

}  // namespace

Result<Report> run_estimators(const StudyOptions& options) {
    std::vector<StudyScenario> scenarios = study_scenarios();
    std::vector<sim::DelayTrace> traces;
    traces.reserve(options.traces.size());  // scenarios point at them
    for (const std::string& file : options.traces) {
        auto trace = load_trace(file);
        if (!trace) return failure(trace.error());
        traces.push_back(std::move(*trace));
        StudyScenario replay =
            scenario(std::filesystem::path(file).stem().string(), Duration{0}, Duration{0});
        replay.network.trace = &traces.back();
        scenarios.push_back(replay);
        scenarios.back().name += "_1s";
        scenarios.push_back(replay);
        scenarios.back().name += "_250ms";
        scenarios.back().interval = milliseconds{250};
    }
    return study(scenarios, rival_kinds(), options.seeds);
}

}  // namespace berkeley::bench
