// Real processes over TCP loopback with injected errors; all share the machine's raw clock, so the truth is
// known. First nothing else runs, then two processes that spin: noise that every row of that half meets
// alike. So trust the ratios before the figures. The machine's own clock is not touched.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <thread>
#include <utility>

#include "base/duration_text.hpp"
#include "base/prng.hpp"
#include "bench/accuracy_phase.hpp"
#include "bench/accuracy_probe.hpp"
#include "bench/benchmarks.hpp"
#include "bench/chrony_peer.hpp"
#include "bench/interrupt_guard.hpp"
#include "bench/peer.hpp"
#include "os/os_clock.hpp"
#include "tests/harness/cluster.hpp"

namespace berkeley::bench {

namespace {

using harness::ClockWatch;
using harness::TemporaryFolder;

constexpr Duration kInjectedOffsetMax = std::chrono::hours{3};
/// Nodes allow for this drift by default (--max-drift).
constexpr std::int64_t kInjectedDriftMaxPpb = 50'000;
constexpr Duration kStartPatience = std::chrono::seconds{60};
constexpr Duration kStartCheck = std::chrono::milliseconds{2};
/// On average; varied by half, so that sampling keeps no phase with the rounds.
constexpr Duration kSampleEvery = std::chrono::milliseconds{10};
constexpr Duration kCheckEvery = ChronyPair::kInterval;
constexpr std::int64_t kConvergedNs = 1'000'000;
constexpr int kReadBlocks = 1000;
constexpr int kReadsInBlock = 1000;

std::vector<std::string> injected_error(Prng& prng) {
    const auto offset = static_cast<std::int64_t>(prng.uniform(-1, 1) *
                                                  static_cast<double>(Duration{kInjectedOffsetMax}.count()));
    const double drift_ppm = prng.uniform(-1, 1) * static_cast<double>(kInjectedDriftMaxPpb) / 1000;
    return {"--clock-offset=" + duration_literal(Duration{offset}),
            fmt::format("--clock-drift={:.3f}", drift_ppm)};
}

struct Convergence {
    std::int64_t before_ns = 0;  ///< spread when all clocks were there for the first time
    std::uint64_t round = 0;     ///< the first with less than kConvergedNs
};

class AccuracyRun {
public:
    explicit AccuracyRun(const AccuracyOptions& options)
        : options_(options),
          prng_(options.seed),
          total_(options.settle + 2 * options.duration),
          progress_("accuracy", static_cast<std::uint64_t>(total_.count())) {}

    Result<void> start();
    Result<void> measure();
    Result<Report> report();

private:
    Result<void> start_cluster();
    Result<void> check_cluster();
    Result<void> converge();
    Result<void> watch(Duration time, AccuracyPhase* phase);
    Result<void> check(AccuracyPhase* phase);
    void time_reads();

    AccuracyOptions options_;
    Prng prng_;
    Duration total_;
    Duration done_{0};
    Progress progress_;
    std::optional<TemporaryFolder> folder_;
    std::optional<ChronyPair> chrony_;
    std::optional<harness::Cluster> cluster_;
    std::vector<std::string> pages_;  ///< the master's first
    std::optional<ClockWatch> clocks_;
    std::unique_ptr<SinglePoller> poller_;
    double load_average_ = 0;
    Convergence convergence_;
    AccuracyPhase idle_;
    AccuracyPhase loaded_;
    Samples clock_read_;
    Samples clock_gettime_;
};

Result<void> AccuracyRun::start() {
    ::getloadavg(&load_average_, 1);
    auto folder = TemporaryFolder::create("berkeley-bench");
    if (!folder) return failure(folder.error());
    folder_.emplace(std::move(*folder));
    if (options_.with_chrony) {
        auto chrony = ChronyPair::start(*folder_);
        if (!chrony) return failure(chrony.error());
        chrony_.emplace(std::move(*chrony));
    }
    if (const auto started = start_cluster(); !started) return started;
    if (const auto converged = converge(); !converged) return converged;
    auto poller = start_single_poller(options_.interval, options_.seed);
    if (!poller) return failure(poller.error());
    poller_ = std::move(*poller);
    return {};
}

Result<void> AccuracyRun::start_cluster() {
    auto folder = TemporaryFolder::create("berkeley-bench");
    if (!folder) return failure(folder.error());
    cluster_.emplace(harness::ClusterSetup{.master_program = harness::beside_this_program("berkeley-master"),
                                           .slave_program = harness::beside_this_program("berkeley-slave"),
                                           .interval = duration_literal(options_.interval),
                                           .tcp = true},
                     std::move(*folder));
    Prng prng{options_.seed};
    std::vector<std::string> arguments = injected_error(prng);
    arguments.insert(arguments.end(), {"--burst", std::to_string(options_.burst)});
    const harness::Process& master = cluster_->master("master", std::move(arguments));
    if (!cluster_->await_urls("master")) return failure("the master is not ready: " + master.log());
    pages_.push_back(cluster_->page("master"));
    for (std::uint32_t i = 1; i <= options_.slaves; ++i) {
        const std::string id = "slave-" + std::to_string(i);
        cluster_->slave(id, injected_error(prng), "master");
        pages_.push_back(cluster_->page(id));
    }
    return {};
}

Result<void> AccuracyRun::check_cluster() {
    const std::string ended = cluster_->ended();
    return ended.empty() ? Result<void>{} : failure(ended);
}

/// Until all clocks are there, agree, and say that they are synchronized.
Result<void> AccuracyRun::converge() {
    const TrueTime deadline = true_now() + kStartPatience;
    std::string missing = "the clocks did not become SYNCHRONIZED in time";
    bool agreed = false;
    while (true_now() < deadline) {
        std::this_thread::sleep_for(kStartCheck);
        if (auto go_on = InterruptGuard::check().and_then([&] { return check_cluster(); }); !go_on)
            return go_on;
        if (!clocks_) {
            auto clocks = ClockWatch::open(pages_);
            if (!clocks) {
                missing = clocks.error();
                continue;
            }
            clocks_.emplace(std::move(*clocks));
            if (const auto first = clocks_->sweep()) convergence_.before_ns = first->spread_ns();
        }
        const auto sweep = clocks_->sweep();
        if (!sweep) return failure(sweep.error());
        if (!agreed && sweep->spread_ns() < kConvergedNs) {
            agreed = true;
            for (const harness::Reading& reading : sweep->clocks)
                convergence_.round = std::max(convergence_.round, reading.round);
        }
        if (agreed && sweep->synchronized()) return {};
    }
    return failure(missing);
}

/// Samples all clocks for that time. Without a phase nothing is kept; everything else is the same, so that
/// settling is no quieter than measuring.
Result<void> AccuracyRun::watch(Duration time, AccuracyPhase* phase) {
    const CpuTime cpu = CpuTime::now();
    const TrueTime began = true_now();
    TrueTime check_at = began;
    for (TrueTime now = began; now - began < time; now = true_now()) {
        progress_.update(static_cast<std::uint64_t>((done_ + (now - began)).count()));
        std::this_thread::sleep_for(kSampleEvery * prng_.uniform(0.5, 1.5));
        if (const auto go_on = InterruptGuard::check(); !go_on) return go_on;
        const auto sweep = clocks_->sweep();
        if (!sweep) return failure(sweep.error());
        if (phase != nullptr) phase->add(*sweep);
        if (now < check_at) continue;
        check_at = now + kCheckEvery;
        if (const auto checked = check(phase); !checked) return checked;
    }
    for (const SingleProbe& probe : poller_->take()) {
        if (phase != nullptr) phase->add(probe);
    }
    if (phase != nullptr) phase->busy = CpuTime::now().busy_since(cpu);
    done_ += time;
    return {};
}

/// What need not be done at every sample.
Result<void> AccuracyRun::check(AccuracyPhase* phase) {
    if (const auto alive = check_cluster(); !alive) return alive;
    // Asked while settling too, as that costs some time. It may not answer at once.
    if (!chrony_ || phase == &loaded_) return {};
    const auto error = chrony_->system_time_error();
    if (error && phase != nullptr) phase->chrony.add(std::abs(static_cast<double>(error->count())) / 1000);
    return {};
}

/// Blocks take turns: whatever the machine does hits both alike.
void AccuracyRun::time_reads() {
    const berkeley_clock* clock = clocks_->clock(1);
    berkeley_clock_interval interval{};
    timespec raw{};
    const auto block = [](Samples& samples, const auto& read) {
        const TrueTime began = true_now();
        for (int i = 0; i < kReadsInBlock; ++i) read();
        samples.add(static_cast<double>((true_now() - began).count()) / kReadsInBlock);
    };
    for (int i = 0; i < kReadBlocks; ++i) {
        block(clock_read_, [&] { berkeley_clock_now(clock, &interval); });
        block(clock_gettime_, [&] { ::clock_gettime(CLOCK_MONOTONIC_RAW, &raw); });
    }
}

Result<void> AccuracyRun::measure() {
    if (const auto settled = watch(options_.settle, nullptr); !settled) return settled;
    if (const auto measured = watch(options_.duration, &idle_); !measured) return measured;
    if (chrony_ && idle_.chrony.size() == 0) return failure("chronyd did not follow its server");
    // Before the load: the cost of a read is no question of who else wants the CPU.
    time_reads();
    const auto spinners = start_spinners();
    if (!spinners) return failure(spinners.error());
    if (const auto measured = watch(options_.duration, &loaded_); !measured) return measured;
    if (options_.plot.empty()) return {};
    return plot_accuracy(*folder_, options_.plot, idle_.sweeps, loaded_.sweeps);
}

Result<Report> AccuracyRun::report() {
    Violations broken = idle_.violations;
    broken.pairs += loaded_.violations.pairs;
    broken.master += loaded_.violations.master;
    broken.status += loaded_.violations.status;

    Report report;
    report.bench = "accuracy";
    report.violations = broken.total();
    Facts facts{{"load", fmt::format("{:.2f} at the start; CPUs busy by {:.0f} % idle, {:.0f} % loaded",
                                     load_average_, idle_.busy * 100, loaded_.busy * 100)},
                {"cluster", fmt::format("1 master, {} slaves, tcp, every {}, bursts of {}", options_.slaves,
                                        duration_literal(options_.interval), options_.burst)},
                {"injected", fmt::format("up to {} and {} ppm, seed {}; {} apart at first",
                                         duration_text(kInjectedOffsetMax), kInjectedDriftMaxPpb / 1000,
                                         options_.seed, duration_text(Duration{convergence_.before_ns}))},
                {"broken", fmt::format("{} pairs apart, {} off the master, {} lost SYNCHRONIZED",
                                       broken.pairs, broken.master, broken.status)}};
    if (chrony_) facts.push_back({"chrony", ChronyPair::version()});
    report.machine = machine_facts(std::move(facts));

    const auto add = [&](const Samples& samples, const char* name, const char* unit) {
        report.rows.push_back(samples.row(name, unit));
    };
    add(idle_.spread, "spread_idle", "us");
    add(loaded_.spread, "spread_loaded", "us");
    add(idle_.offset, "offset_idle", "us");
    add(loaded_.offset, "offset_loaded", "us");
    add(idle_.bound, "bound_idle", "us");
    add(loaded_.bound, "bound_loaded", "us");
    add(idle_.single_cristian, "single_cristian_idle", "us");
    add(loaded_.single_cristian, "single_cristian_loaded", "us");
    add(idle_.tutorial, "tutorial_idle", "us");
    if (chrony_) add(idle_.chrony, "chrony_idle", "us");
    add(clock_read_, "clock_read", "ns");
    add(clock_gettime_, "clock_gettime", "ns");
    Samples first;
    first.add(static_cast<double>(convergence_.round));
    add(first, "first_convergence", "rounds");

    for (const Quantile quantile : {Quantile::p50, Quantile::p99}) {
        add_ratio(report, "single_cristian_idle", "spread_idle", quantile);
        add_ratio(report, "single_cristian_loaded", "spread_loaded", quantile);
    }
    add_ratio(report, "tutorial_idle", "spread_idle");
    add_ratio(report, "clock_read", "clock_gettime");
    add_ratio(report, "spread_idle", "chrony_idle");
    add_ratio(report, "spread_idle", "chrony_idle", Quantile::p99);
    add_ratio(report, "offset_idle", "chrony_idle");
    add_ratio(report, "spread_idle", "single_cristian_idle");
    return report;
}

}  // namespace

Result<void> check_accuracy(const AccuracyOptions& options) {
    for (const char* name : {"berkeley-master", "berkeley-slave"}) {
        const std::string program = harness::beside_this_program(name);
        if (::access(program.c_str(), X_OK) != 0)
            return failure("'" + program + "' is missing: accuracy runs the programs beside berkeley-bench");
    }
    if (options.with_chrony) {
        if (const auto there = ChronyPair::check(); !there) return there;
    }
    return options.plot.empty() ? Result<void>{} : check_plot(options.plot);
}

Result<Report> run_accuracy(const AccuracyOptions& options) {
    const InterruptGuard guard;
    AccuracyRun run(options);
    if (const auto started = run.start(); !started) return failure(started.error());
    if (const auto measured = run.measure(); !measured) return failure(measured.error());
    return run.report();
}

}  // namespace berkeley::bench
