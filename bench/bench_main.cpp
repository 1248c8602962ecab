// berkeley-bench: how fast and how good the product is on this machine, next to what it is built upon.

#include <algorithm>
#include <cstdio>
#include <sstream>
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
    bool curve = false;
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

void add_latency(CommandLine& app, Options& all) {
    Command& latency = app.add_command("latency", "Round trips of a poll, next to bare libzmq and bare TCP");
    add_integer(latency, "--count", all.latency.count, {1, kLatencyCountMax}, "Counted probes of each path");
    latency.add_flag("--curve", all.curve, "Changes nothing: poll_tcp_curve is always measured");
    add_text(latency, {"--record", "Record one-way delays of poll_tcp into this file instead", "FILE"},
             all.record.file);
    add_integer(latency, "--record-bursts", all.record.bursts, {1, kRecordBurstsMax}, "Bursts of 8 probes");
    add_duration(latency, "--record-gap", all.record.gap, {Duration{0}, kRecordGapMax},
                 "Idle between two bursts");
    latency.add_flag("--record-load", all.record.load, "While two processes spin");
    for (const char* option : {"--record-bursts", "--record-gap", "--record-load"})
        latency.needs(option, "--record");
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

void add_accuracy(CommandLine& app, Options& all) {
    AccuracyOptions& options = all.accuracy;
    Command& accuracy = app.add_command(
        "accuracy", "How far apart the clocks of a cluster truly are, next to simpler methods");
    add_integer(accuracy, "--slaves", options.slaves, {1, 64}, "Slaves beside the one master");
    add_duration(accuracy, "--interval", options.interval, {50ms, 60s}, "Time from round to round");
    add_integer(accuracy, "--burst", options.burst, {kProbesMin, kProbesMax}, "Probes of a slave in a round");
    add_duration(accuracy, "--settle", options.settle, {0s, kTimeMax},
                 "Wait this long once all are SYNCHRONIZED");
    add_duration(accuracy, "--duration", options.duration, {1s, kTimeMax},
                 "Measure this long idle, and again loaded");
    add_integer(accuracy, "--seed", options.seed, {}, "Of the injected errors");
    accuracy.add_flag("--with-chrony", options.with_chrony,
                      "Also two chronyd in networks of their own (needs root; no clock is touched)");
    add_text(accuracy,
             {"--plot", "Draw the clocks over time into this file, or FILE.png (needs gnuplot)", "FILE.svg"},
             options.plot);
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

void add_takeover(CommandLine& app, Options& all) {
    TakeoverOptions& options = all.takeover;
    Command& takeover = app.add_command("takeover", "Kills the master of a real cluster again and again");
    add_integer(takeover, "--kills", options.kills, {1, kKillsMax}, "Of each profile");
    add_integer(takeover, "--slaves", options.slaves, {1, 1000}, "Beside the two candidates");
    add_duration(takeover, "--interval", options.interval, {50ms, kTimeMax}, "Between two rounds");
    add_duration(takeover, "--settle", options.settle, {2s, kTimeMax},
                 "From the return of a killed node to the next kill");
    add_integer(takeover, "--seed", options.seed, {}, "Of clocks and phases");
    add_word(takeover, "--profile", {"both", "default", "fast"}, "",
             "Timers: default 100 ms and 500 ms, fast 20 ms and 100 ms", [&options](std::size_t chosen) {
                 options.default_profile = chosen != 2;
                 options.fast_profile = chosen != 1;
             });
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

/// Numbers between commas.
void add_sizes(Command& scale, std::vector<std::size_t>& sizes) {
    const std::string name = "--slaves";
    std::string defaults;
    for (const std::size_t size : sizes) defaults += (defaults.empty() ? "" : ",") + std::to_string(size);
    scale.add({name, "How many; several sizes are measured one after the other", "N,N...", defaults},
              [&sizes, name](const std::vector<std::string>& given) {
                  sizes.clear();
                  std::stringstream list(given.front());
                  for (std::string one; std::getline(list, one, ',');) {
                      sizes.push_back(static_cast<std::size_t>(integer_of(name, one, {2, kScaleSlavesMax})));
                  }
                  if (sizes.size() > kScaleSizesMax)
                      reject(name, std::to_string(kScaleSizesMax) + " sizes at most are allowed");
              });
}

void add_scale(CommandLine& app, Options& all) {
    Command& scale =
        app.add_command("scale", "A round and its corrections with many slaves, next to bare libzmq");
    add_sizes(scale, all.scale.slaves);
    add_integer(scale, "--rounds", all.scale.rounds, {1, kScaleRoundsMax},
                "Counted rounds of each lane and size");
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

void add_simulate(CommandLine& app, Options& all) {
    SimulateOptions& options = all.simulate;
    Command& simulate =
        app.add_command("simulate", "The programs' cores in virtual time: faults, networks, clocks");
    add_text(simulate, {"--scenario", "Only this one; see --list", "NAME"}, options.scenario);
    add_integer(simulate, "--seeds", options.seeds, {1, kSeedsMax}, "Runs of each scenario");
    add_integer(simulate, {"--seed", "Only this run; it repeats bit for bit", "N"}, {},
                [&options](std::int64_t seed) {
                    options.first_seed = static_cast<std::uint64_t>(seed);
                    options.seeds = 1;
                });
    add_text(simulate, {"--idle-delays", "Replay what latency --record wrote on an idle machine", "FILE"},
             options.idle_trace);
    add_text(simulate, {"--loaded-delays", "The same of a machine under load", "FILE"}, options.loaded_trace);
    add_integer(simulate, {"--slaves", "No scenario: one cluster of so many slaves", "N"},
                {1, kSimulatedSlavesMax},
                [&options](std::int64_t slaves) { options.slaves = static_cast<std::uint32_t>(slaves); });
    simulate.excludes("--slaves", "--scenario");
    add_integer(simulate, "--rounds", options.rounds, {1, kSimulatedRoundsMax}, "Its rounds");
    simulate.needs("--rounds", "--slaves");
    simulate.add_report(
        "--list", [] { return scenario_list(); }, "Names and conditions of the scenarios");
    simulate.footer(
        R"(Every run asserts at every tick that no clock is further off than its bound, none runs back, no
correction is applied twice, and so on; after faults all must agree again within 20 s. Rows, over the
seeds: RMS and maximum error against the master after settling, and the bound at the end (us).
Violations are runs that broke a promise or the scenario's limit: each is told with its seed.)");
}

void add_codec(CommandLine& app) {
    Command& codec =
        app.add_command("codec", "Encoding and decoding of each message; the average of 10000 clocks");
    codec.allow_extras();
    codec.footer(
        R"(Rows: encode_* and decode_* of each kind of message (ns); msgpack_* the same bytes from and into bare
msgpack's objects, which checks and names nothing; average_10000 and cold_average_10000 the fault-tolerant
and the cold start's average of 10000 clocks (us); sort_10000 the sorting of their offsets. Ratios are to
those two. With --json over 100 repetitions. Violations are messages that came back changed.
Further options go to Google Benchmark, such as
  --benchmark_filter=reply  --benchmark_repetitions=5  --benchmark_min_time=0.2)");
}

void add_estimators(CommandLine& app, Options& all) {
    Command& estimators =
        app.add_command("estimators", "The estimator and its rivals, offline, in virtual time");
    add_texts(estimators, {"--trace", "Replay what latency --record wrote, too; may be repeated", "FILE"},
              all.estimators.traces, Values::several);
    add_integer(estimators, "--seeds", all.estimators.seeds, {1, kStudySeedsMax}, "Runs of each scenario");
    estimators.footer(
        R"(Rows, scenario/estimator: how far the estimated offset is off at the end of a burst, in microseconds.
  plain, minimum, burst_median   one offset a burst: its last probe, its fastest, the product's choice
  regression, weighted_regression, envelope   lines through the last 16 or 32 bursts
  kalman                         the product's, as it ships
Ratios: the RMS of each over that of kalman; above 1 the product is better.
All see the same samples; a seed gives the same run everywhere.)");
}

void describe(CommandLine& app, Options& all) {
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
    for (const auto& bench : app.commands())
        bench->add_flag("--json", all.json, "One JSON object instead of the table");
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
    CommandLine app("berkeley-bench", "Measures Berkeley on this machine, next to what it is built upon.");
    describe(app, all);
    if (const auto early = app.parse({argv + std::min(argc, 1), argv + argc})) return report(*early);
    const auto chosen = std::find_if(app.commands().begin(), app.commands().end(),
                                     [](const auto& command) { return command->given(); });
    const std::string name = (*chosen)->name();
    if (name == "accuracy") return run_checked(check_accuracy, run_accuracy, all.accuracy, all.json, false);
    if (name == "scale") return run_checked(check_scale, run_scale, all.scale, all.json, true);
    if (name == "simulate") return run_checked(check_simulate, run_simulate, all.simulate, all.json, true);
    if (name == "takeover") return print(run_takeover(all.takeover), all.json);
    if (name == "estimators") return print(run_estimators(all.estimators), all.json);
    if (name == "codec") return run_codec((*chosen)->extras(), all.json);
    if (!all.record.file.empty()) return print(run_record(all.record), all.json);
    return print(run_latency(all.latency), all.json);
}

}  // namespace
}  // namespace berkeley::bench

int main(int argc, char** argv) { return berkeley::bench::run(argc, argv); }
