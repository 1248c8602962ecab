// berkeley-bench: how fast and how good the product is on this machine, next to what it is built upon.
//
// All of the command line, in the one file that pays for CLI11's header.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/benchmarks.hpp"
#include "bench/peer.hpp"
#include "cli/option_kinds.hpp"

namespace berkeley::bench {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTimeMax = 1h;
constexpr std::uint32_t kProbesMin = 3;  // two warm up the path
constexpr std::uint32_t kProbesMax = 64;

struct Options {
    bool json = false;
    LatencyOptions latency;
    RecordOptions record;
    AccuracyOptions accuracy;
    TakeoverOptions takeover;
    ScaleOptions scale;
    SimulateOptions simulate;
    StudyOptions estimators;
};

int usage_error(const std::string& line) {
    std::fprintf(stderr, "berkeley-bench: %s\n", line.c_str());
    return 2;
}

void add_latency(CLI::App& app, Options& all) {
    CLI::App& latency =
        *app.add_subcommand("latency", "Round trips of a poll, next to bare libzmq and bare TCP");
    latency.add_option("--count", all.latency.count, "Counted probes of each path")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kLatencyCountMax));
    latency.add_flag("--curve")->description("Changes nothing: poll_tcp_curve is always measured");
    CLI::Option* record = latency.add_option("--record", all.record.file,
                                             "Record one-way delays of poll_tcp into this file instead");
    latency.add_option("--record-bursts", all.record.bursts, "Bursts of 8 probes")
        ->needs(record)
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kRecordBurstsMax));
    add_duration(latency, "--record-gap", all.record.gap, {Duration{0}, kRecordGapMax},
                 "Idle between two bursts")
        ->needs(record);
    latency.add_flag("--record-load", all.record.load, "While two processes spin")->needs(record);
    latency.footer(R"(Rows, each the round trip of a probe in microseconds:
  poll_*          the product: a master's node that polls a berkeley-slave, both with all that they do
                  beside it (permissions, log, publishers, state)
  poll_tcp_curve  the same with keys: encrypted and authenticated
  libzmq_*        bare ROUTER and DEALER with as many bytes each way
  raw_tcp         bare blocking TCP sockets with as many bytes each way
  *_tcp and *_ipc go to another process, *_inproc to another thread.
The paths take turns in short blocks, so the machine's noise hits all of them alike: trust the ratios
(at p50; _p99: at p99) before the figures. Each end has its own half of the CPUs.
Violations are probes without an answer.)");
}

void add_accuracy(CLI::App& app, Options& all) {
    AccuracyOptions& options = all.accuracy;
    CLI::App& accuracy = *app.add_subcommand(
        "accuracy", "How far apart the clocks of a cluster truly are, next to simpler methods");
    accuracy.add_option("--slaves", options.slaves, "Slaves beside the one master")
        ->capture_default_str()
        ->check(CLI::Range(1U, 64U));
    add_duration(accuracy, "--interval", options.interval, {50ms, 60s}, "Time from round to round");
    accuracy.add_option("--burst", options.burst, "Probes of a slave in a round")
        ->capture_default_str()
        ->check(CLI::Range(kProbesMin, kProbesMax));
    add_duration(accuracy, "--settle", options.settle, {0s, kTimeMax},
                 "Wait this long once all are SYNCHRONIZED");
    add_duration(accuracy, "--duration", options.duration, {1s, kTimeMax},
                 "Measure this long idle, and again loaded");
    accuracy.add_option("--seed", options.seed, "Of the injected errors")->capture_default_str();
    accuracy.add_flag("--with-chrony", options.with_chrony,
                      "Also two chronyd in networks of their own (needs root; no clock is touched)");
    accuracy
        .add_option("--plot", options.plot,
                    "Draw the clocks over time into this file, or FILE.png (needs gnuplot)")
        ->type_name("FILE.svg");
    accuracy.footer(
        R"(Starts real processes over loopback whose clocks are up to 3 h wrong and drift by up to 50 ppm, and
compares them with the clock that they all share. The machine's own clock is never touched.

Rows, in microseconds unless said otherwise; idle, and loaded with two processes that spin:
  spread_*           between the two clocks furthest apart, master included, at one instant
  offset_*           between each slave and the master
  bound_*            the error that the slaves' pages promise not to exceed: (latest - earliest) / 2
  single_cristian_*  error of one Cristian measurement a round, by a bare ROUTER and DEALER
  tutorial_idle      error of a clock set to a received time with no allowance for the way
  chrony_idle        error of a chronyd that follows another one, asking every 250 ms; it stamps in the
                     kernel, where waking up a process costs nothing
  clock_read         berkeley_clock_now(), and clock_gettime of the raw clock, in nanoseconds
  first_convergence  the round in which all clocks, hours apart before, came within 1 ms
'load' says whether the idle half was idle: the cluster by itself keeps few CPUs busy.
All methods run at the same time, so trust the ratios (at p50; _p99: at p99) before the figures.
A spread is the worst pair of all clocks; the other methods are judged by one clock, as offset_* is.
Violations are instants at which two clocks were further apart than their bounds allow, or a slave and
the master than the slave's bound, and clocks that left SYNCHRONIZED. None is right.

Examples:
  berkeley-bench accuracy
  berkeley-bench accuracy --slaves 3 --settle 10s --duration 10s --json | jq .ratios
  sudo berkeley-bench accuracy --with-chrony --plot accuracy.svg)");
}

void add_takeover(CLI::App& app, Options& all) {
    TakeoverOptions& options = all.takeover;
    CLI::App& takeover =
        *app.add_subcommand("takeover", "Kills the master of a real cluster again and again");
    takeover.add_option("--kills", options.kills, "Of each profile")
        ->capture_default_str()
        ->check(CLI::Range(1U, kKillsMax));
    takeover.add_option("--slaves", options.slaves, "Beside the two candidates")
        ->capture_default_str()
        ->check(CLI::Range(1U, 1000U));
    add_duration(takeover, "--interval", options.interval, {50ms, kTimeMax}, "Between two rounds");
    add_duration(takeover, "--settle", options.settle, {2s, kTimeMax},
                 "From the return of a killed node to the next kill");
    takeover.add_option("--seed", options.seed, "Of clocks and phases")->capture_default_str();
    takeover
        .add_option_function<std::string>(
            "--profile",
            [&options](const std::string& name) {
                options.default_profile = name != "fast";
                options.fast_profile = name != "default";
            },
            "Timers: default (100 ms, 500 ms), fast (20 ms, 100 ms) or both")
        ->check(CLI::IsMember({"default", "fast", "both"}));
    takeover.footer(R"(Rows, from kill -9 of the master on:
  first_heartbeat_*   until the standby leads (ms)
  first_correction_*  until each slave has applied a correction of the new term (ms)
  spread_before_*     the widest difference of the surviving clocks in the 2 s before each kill (us)
  spread_through_*    the same in the 2 s after it
Ratios: the fast profile's times over the default one's, its baseline in the same run, and the spread
through a takeover over the spread before it (at p50; _p99: at p99).
Violations: slaves that got no correction, clocks that were stepped, bounds that did not hold.
A kill takes about 12 s; 50 of both profiles take 20 minutes.)");
}

void add_scale(CLI::App& app, Options& all) {
    CLI::App& scale =
        *app.add_subcommand("scale", "A round and its corrections with many slaves, next to bare libzmq");
    scale
        .add_option("--slaves", all.scale.slaves, "How many; several sizes are measured one after the other")
        ->capture_default_str()
        ->delimiter(',')
        ->expected(1, static_cast<int>(kScaleSizesMax))
        ->check(CLI::Range(std::size_t{2}, kScaleSlavesMax));
    scale.add_option("--rounds", all.scale.rounds, "Counted rounds of each lane and size")
        ->capture_default_str()
        ->check(CLI::Range(1U, kScaleRoundsMax));
    scale.footer(R"(Rows, for each N, in microseconds:
  round_N           one probe to each of N slaves: from before the first is sent until the last answer
                    is received
  publish_N         the corrections of that round: from before the first is sent until the last of N
                    slaves has applied its own
  libzmq_round_N    bare ROUTER to N DEALERs, as many bytes each way
  libzmq_publish_N  bare XPUB to N SUBs: as many messages of as many bytes and topics
The product's master runs as berkeley-master does, in a process of its own: candidate, lease, gate, log and
state. Its N slaves are the product's too, with sockets of their own, but share one process and one loop,
without files and log: many processes would measure the scheduler of this one machine. Both lanes probe
all N at once (the product up to 1024, the widest --window); a real master takes 32 at a time, several
probes each, and spreads them over half of its interval on purpose. The lanes take turns, so trust the ratios (at p50) before the figures.
Violations are rounds in which a probe or a correction was lost. The rows are of the other rounds, and the
exit code is 1. The default takes about a minute.
Examples:
  berkeley-bench scale --slaves 32,256 --rounds 20
  berkeley-bench scale --json | jq .ratios)");
}

void add_simulate(CLI::App& app, Options& all) {
    SimulateOptions& options = all.simulate;
    CLI::App& simulate =
        *app.add_subcommand("simulate", "The programs' cores in virtual time: faults, networks, clocks");
    CLI::Option* scenario =
        simulate.add_option("--scenario", options.scenario, "Only this one; see --list")->option_text("NAME");
    simulate.add_option("--seeds", options.seeds, "Runs of each scenario")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kSeedsMax));
    simulate
        .add_option_function<std::uint64_t>(
            "--seed",
            [&options](std::uint64_t seed) {
                options.first_seed = seed;
                options.seeds = 1;
            },
            "Only this run; it repeats bit for bit")
        ->option_text("N");
    simulate
        .add_option("--idle-delays", options.idle_trace,
                    "Replay what latency --record wrote on an idle machine")
        ->option_text("FILE");
    simulate.add_option("--loaded-delays", options.loaded_trace, "The same of a machine under load")
        ->option_text("FILE");
    CLI::Option* slaves =
        simulate.add_option("--slaves", options.slaves, "No scenario: one cluster of so many slaves")
            ->option_text("N")
            ->check(CLI::Range(1U, kSimulatedSlavesMax))
            ->excludes(scenario);
    simulate.add_option("--rounds", options.rounds, "Its rounds")
        ->capture_default_str()
        ->needs(slaves)
        ->check(CLI::Range(1U, kSimulatedRoundsMax));
    simulate.add_flag_callback(
        "--list",
        [] {
            std::fputs(scenario_list().c_str(), stdout);
            throw CLI::Success{};
        },
        "Names and conditions of the scenarios");
    simulate.footer(
        R"(Every run asserts at every tick that no clock is further off than its bound, none runs back, no
correction is applied twice, and so on; after faults all must agree again within 20 s. Rows, over the
seeds: RMS and maximum error against the master after settling, and the bound at the end (us).
Violations are runs that broke a promise or the scenario's limit: each is told with its seed.)");
}

void add_codec(CLI::App& app) {
    CLI::App& codec =
        *app.add_subcommand("codec", "Encoding and decoding of each message; the average of 10000 clocks");
    codec.allow_extras();
    codec.footer(
        R"(Rows: encode_* and decode_* of each kind of message (ns); msgpack_* the same bytes from and into bare
msgpack's objects, which checks and names nothing; average_10000 and cold_average_10000 the fault-tolerant
and the cold start's average of 10000 clocks (us); sort_10000 the sorting of their offsets. Ratios are to
those two. With --json over 100 repetitions. Violations are messages that came back changed.
Further options go to Google Benchmark, such as
  --benchmark_filter=reply  --benchmark_repetitions=5  --benchmark_min_time=0.2)");
}

void add_estimators(CLI::App& app, Options& all) {
    CLI::App& estimators =
        *app.add_subcommand("estimators", "The estimator and its rivals, offline, in virtual time");
    estimators
        .add_option("--trace", all.estimators.traces,
                    "Replay what latency --record wrote, too; may be repeated")
        ->option_text("FILE");
    estimators.add_option("--seeds", all.estimators.seeds, "Runs of each scenario")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, kStudySeedsMax));
    estimators.footer(
        R"(Rows, scenario/estimator: how far the estimated offset is off at the end of a burst, in microseconds.
  plain, minimum, burst_median   one offset a burst: its last probe, its fastest, the product's choice
  regression, weighted_regression, envelope   lines through the last 16 or 32 bursts
  kalman                         the product's, as it ships
Ratios: the RMS of each over that of kalman; above 1 the product is better.
All see the same samples; a seed gives the same run everywhere.)");
}

void describe(CLI::App& app, Options& all) {
    app.set_version_flag("--version", "berkeley-bench " BERKELEY_VERSION);
    app.require_subcommand(1);
    app.footer(R"(Examples:
  berkeley-bench latency                        a table, in microseconds
  berkeley-bench latency --json | jq .ratios    for scripts
  berkeley-bench codec
  berkeley-bench accuracy                       real processes, a minute and a half
  berkeley-bench scale                          rounds of 32, 256 and 1024 slaves, a minute
  berkeley-bench simulate --seeds 100           faults in virtual time; exit code 1 where one shows
Build with optimisation (cmake --preset release), and leave the machine alone meanwhile.
Exit codes: 0 measured, 1 could not measure, or violations in simulate or scale, 2 bad usage.)");
    add_latency(app, all);
    add_accuracy(app, all);
    add_takeover(app, all);
    add_scale(app, all);
    add_simulate(app, all);
    add_codec(app);
    add_estimators(app, all);
    for (CLI::App* bench : app.get_subcommands(nullptr))
        bench->add_flag("--json", all.json, "One JSON object instead of the table");
}

/// CLI11 would only say that some argument was not expected.
std::string complaint_about(std::string_view first, const CLI::App& app) {
    const std::string allowed =
        "latency, accuracy, takeover, scale, simulate, codec and estimators are allowed";
    const auto known = app.get_subcommands([](const CLI::App*) { return true; });
    const auto named = [&](const CLI::App* bench) { return first == bench->get_name(); };
    if (first.empty()) return "name a benchmark: " + allowed + " (see berkeley-bench --help)";
    if (first.front() != '-') {
        if (std::any_of(known.begin(), known.end(), named)) return {};
        return "'" + std::string(first) + "' is no benchmark: " + allowed;
    }
    const std::initializer_list<std::string_view> options{"-h", "--help", "--version"};
    if (std::find(options.begin(), options.end(), first) != options.end()) return {};
    return "'" + std::string(first) +
           "' is not allowed here: --help, --version or a benchmark, with its options after it";
}

/// `strict`: violations are a failure.
int print(const Result<Report>& report, bool json, bool strict = false) {
    if (!report) {
        std::fprintf(stderr, "berkeley-bench: %s\n", report.error().c_str());
        return 1;
    }
    const std::string text = json ? as_json(*report) + "\n" : as_table(*report);
    std::fputs(text.c_str(), stdout);
    if (!report->cause.empty()) std::fprintf(stderr, "berkeley-bench: %s\n", report->cause.c_str());
    return std::fflush(stdout) != 0 || (strict && report->violations > 0) ? 1 : 0;
}

template <class Check, class Run, class BenchOptions>
int run_checked(Check check, Run run, const BenchOptions& options, bool json, bool strict) {
    if (const auto there = check(options); !there) return usage_error(there.error());
    return print(run(options), json, strict);
}

int run(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "peer") return run_peer({argv + 2, argv + argc});
    Options all;
    CLI::App app{"Measures Berkeley on this machine, next to what it is built upon.", "berkeley-bench"};
    describe(app, all);
    if (const auto line = complaint_about(argc > 1 ? argv[1] : "", app); !line.empty())
        return usage_error(line);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return usage_error(std::string(error.what()) + " (see berkeley-bench --help)");
    }
    const CLI::App& bench = *app.get_subcommands().front();
    const std::string name = bench.get_name();
    if (name == "accuracy") return run_checked(check_accuracy, run_accuracy, all.accuracy, all.json, false);
    if (name == "scale") return run_checked(check_scale, run_scale, all.scale, all.json, true);
    if (name == "simulate") return run_checked(check_simulate, run_simulate, all.simulate, all.json, true);
    if (name == "takeover") return print(run_takeover(all.takeover), all.json);
    if (name == "estimators") return print(run_estimators(all.estimators), all.json);
    if (name == "codec") return run_codec(bench.remaining(), all.json);
    if (!all.record.file.empty()) return print(run_record(all.record), all.json);
    return print(run_latency(all.latency), all.json);
}

}  // namespace
}  // namespace berkeley::bench

int main(int argc, char** argv) { return berkeley::bench::run(argc, argv); }
