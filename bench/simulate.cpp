#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "bench/benchmarks.hpp"
#include "sim/scenarios.hpp"

namespace berkeley::bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Tally {
    Samples rms;
    Samples max;
    Samples bound;
    std::uint64_t failed = 0;
    std::uint64_t node_rounds = 0;
};

std::string replay_command(const SimulateOptions& options, const std::string& scenario, std::uint64_t seed) {
    std::string text = "berkeley-bench simulate";
    if (!options.idle_trace.empty()) text += " --idle-delays '" + options.idle_trace + "'";
    if (!options.loaded_trace.empty()) text += " --loaded-delays '" + options.loaded_trace + "'";
    return text + " --scenario " + scenario + " --seed " + std::to_string(seed);
}

/// All seeds of one scenario, on all CPUs. What each run gives depends on its seed alone.
Tally run_seeds(const sim::Scenario& scenario, const SimulateOptions& options) {
    Tally tally;
    std::atomic<std::uint64_t> next{0};
    std::mutex mutex;
    Progress progress(std::string(scenario.name), options.seeds);
    const auto work = [&] {
        for (std::uint64_t i = next++; i < options.seeds; i = next++) {
            const std::uint64_t seed = options.first_seed + i;
            const sim::Outcome outcome = sim::run(scenario, seed);
            const auto lines = sim::complaints(scenario, outcome);
            const std::lock_guard lock(mutex);
            progress.update(i);
            tally.rms.add(outcome.rms_us);
            tally.max.add(outcome.max_us);
            tally.bound.add(outcome.bound_p50_us);
            tally.node_rounds += outcome.node_rounds;
            if (lines.empty()) continue;
            ++tally.failed;
            const std::string name(scenario.name);
            for (const std::string& line : lines) {
                std::fprintf(stderr, "%s, seed %llu: %s\n", name.c_str(),
                             static_cast<unsigned long long>(seed), line.c_str());
            }
            std::fprintf(stderr, "  repeat it: %s\n", replay_command(options, name, seed).c_str());
        }
    };
    std::vector<std::thread> threads;
    const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
    for (unsigned i = 1; i < cpus && i < options.seeds; ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    return tally;
}

Result<Report> run_large(const SimulateOptions& options) {
    sim::SimOptions cluster_options;
    cluster_options.interval = std::chrono::seconds{1};
    cluster_options.keep_events = false;
    sim::SimCluster cluster(options.first_seed, cluster_options);
    sim::Invariants invariants(cluster);
    Prng prng(options.first_seed);
    const auto begin = Clock::now();
    cluster.add({.id = "m1", .candidate = true, .masters = {}});
    for (std::uint32_t i = 0; i < options.slaves; ++i) {
        cluster.add({.id = "s" + std::to_string(i),
                     .offset = Duration{static_cast<std::int64_t>(prng.uniform(-3600e9, 3600e9))},
                     .drift_ppm = prng.uniform(-50, 50),
                     .masters = {"m1"},
                     .oscillator = {.wander_ppb = 1}});
    }
    {
        Progress progress("simulate", options.rounds);
        const auto done = [&] { return cluster.candidate("m1").master().round(); };
        while (done() < options.rounds) {
            cluster.run_for(std::chrono::milliseconds{500});
            invariants.check();
            progress.update(done());
        }
    }
    const double took = seconds_since(begin);
    Samples off;
    for (sim::SimCluster::NodeIndex i = 1; i < cluster.size(); ++i) {
        if (const auto error = invariants.error(i))
            off.add(std::abs(static_cast<double>(error->count())) * 1e-3);
    }
    Report report;
    report.bench = "simulate";
    char text[100];
    std::snprintf(text, sizeof text, "%.1f s for %u slaves x %u rounds: %.0f node-rounds/s, %.0f messages/s",
                  took, options.slaves, options.rounds,
                  options.slaves * static_cast<double>(options.rounds) / took,
                  static_cast<double>(cluster.messages()) / took);
    report.machine = machine_facts({{"speed", text}, {"seed", std::to_string(options.first_seed)}});
    report.rows.push_back(off.row("error_at_the_end", "us"));
    Samples speed;
    speed.add(options.slaves * static_cast<double>(options.rounds) / took);
    report.rows.push_back(speed.row("node_rounds_per_second", "1/s"));
    for (const sim::Violation& violation : invariants.violations()) {
        std::fprintf(stderr, "%s\n", to_string(violation).c_str());
    }
    report.violations = invariants.total() + cluster.codec_failures();
    return report;
}

}  // namespace

Result<sim::DelayTrace> load_trace(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    if (!file) return failure(path + ": cannot be read");
    auto trace = sim::parse_trace(text.str());
    if (!trace) return failure(path + ": " + trace.error());
    return trace;
}

std::string scenario_list() {
    std::string text;
    const sim::DelayTrace any(1, {Duration{0}, {{}}});
    for (const sim::Scenario& scenario : sim::scenarios(&any, &any)) {
        std::string name(scenario.name);
        name.resize(std::max<std::size_t>(name.size(), 22), ' ');
        text += "  " + name + std::string(scenario.summary) + "\n";
    }
    return text;
}

Result<void> check_simulate(const SimulateOptions& options) {
    for (const auto& [name, path] : {std::pair{"--idle-delays", &options.idle_trace},
                                     std::pair{"--loaded-delays", &options.loaded_trace}}) {
        if (path->empty()) continue;
        if (const auto trace = load_trace(*path); !trace) {
            return failure(std::string(name) + ": " + trace.error() +
                           ": a file of latency --record is allowed");
        }
    }
    if (options.scenario.empty()) return {};
    const sim::DelayTrace any(1, {Duration{0}, {{}}});
    const auto among = [&](const sim::DelayTrace* idle, const sim::DelayTrace* loaded) {
        const auto all = sim::scenarios(idle, loaded);
        return std::any_of(all.begin(), all.end(), [&](const auto& s) { return s.name == options.scenario; });
    };
    if (among(options.idle_trace.empty() ? nullptr : &any, options.loaded_trace.empty() ? nullptr : &any))
        return {};
    if (among(&any, nullptr))
        return failure("--scenario: '" + options.scenario + "' is not allowed without --idle-delays");
    if (among(nullptr, &any))
        return failure("--scenario: '" + options.scenario + "' is not allowed without --loaded-delays");
    return failure("--scenario: '" + options.scenario + "' is not allowed: one of those that --list lists");
}

Result<Report> run_simulate(const SimulateOptions& options) {
    if (options.slaves > 0) return run_large(options);
    std::optional<sim::DelayTrace> idle;
    std::optional<sim::DelayTrace> loaded;
    for (const auto& [path, trace] :
         {std::pair{&options.idle_trace, &idle}, std::pair{&options.loaded_trace, &loaded}}) {
        if (path->empty()) continue;
        auto read = load_trace(*path);
        if (!read) return failure(read.error());
        *trace = std::move(*read);
    }
    Report report;
    report.bench = "simulate";
    std::uint64_t node_rounds = 0;
    const auto begin = Clock::now();
    for (const sim::Scenario& scenario :
         sim::scenarios(idle ? &*idle : nullptr, loaded ? &*loaded : nullptr)) {
        const std::string name(scenario.name);
        if (!options.scenario.empty() && options.scenario != name) continue;
        const Tally tally = run_seeds(scenario, options);
        report.rows.push_back(tally.rms.row(name + "/rms", "us"));
        report.rows.push_back(tally.max.row(name + "/max", "us"));
        report.rows.push_back(tally.bound.row(name + "/bound", "us"));
        report.violations += tally.failed;
        node_rounds += tally.node_rounds;
    }
    char speed[80];
    std::snprintf(speed, sizeof speed, "%.0f node-rounds/s",
                  static_cast<double>(node_rounds) / seconds_since(begin));
    report.machine = machine_facts({{"speed", speed},
                                    {"seeds", std::to_string(options.first_seed) + " to " +
                                                  std::to_string(options.first_seed + options.seeds - 1)}});
    return report;
}

}  // namespace berkeley::bench
