// The benchmarks of berkeley-bench: what each is asked for, and what it answers. bench_main.cpp reads the
// options from the command line; each benchmark is a .cpp of its own.
//
// check_*() says in one line which option cannot be served; run_*() requires that it said nothing. SIGINT
// and SIGTERM end one that starts processes early, and then this process, once all of those are gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/stats.hpp"
#include "sim/delay_trace.hpp"

namespace berkeley::bench {

/// latency: what a poll costs, next to what its transport costs by itself. Violations: lost probes.
struct LatencyOptions {
    std::uint64_t count = 10'000;  ///< counted probes of each path
};
inline constexpr std::uint64_t kLatencyCountMax = 10'000'000;
[[nodiscard]] Result<Report> run_latency(const LatencyOptions& options);

/// latency --record: the one-way delays of the product's own poll path, for the simulator and the study of
/// estimators. As in real use: bursts with idle gaps, so that CPUs and caches have fallen asleep at the first
/// probe, and no end on a CPU of its own. Both ends read one raw clock, so t2 - t1 and t4 - t3 are exact.
struct RecordOptions {
    std::string file;  ///< written at the end, in the format of sim/delay_trace.hpp
    std::uint64_t bursts = 600;
    Duration gap = std::chrono::milliseconds{250};  ///< from the end of a burst to the next
    bool load = false;                              ///< two processes spin meanwhile
};
inline constexpr std::uint64_t kRecordBurstsMax = 400'000;
inline constexpr Duration kRecordGapMax = std::chrono::seconds{60};
[[nodiscard]] Result<Report> run_record(const RecordOptions& options);

/// accuracy: how far apart the clocks of a cluster truly are, next to simpler methods and chrony on the same
/// machine in the same minute. Violations: promises that a clock broke.
struct AccuracyOptions {
    std::uint32_t slaves = 8;
    Duration interval = std::chrono::milliseconds{250};
    std::uint32_t burst = 8;
    std::uint64_t seed = 1;
    Duration settle = std::chrono::seconds{30};
    Duration duration = std::chrono::seconds{30};  ///< of each half, idle and loaded
    bool with_chrony = false;
    std::string plot;  ///< an SVG file; empty: none
};
[[nodiscard]] Result<void> check_accuracy(const AccuracyOptions& options);
[[nodiscard]] Result<Report> run_accuracy(const AccuracyOptions& options);

/// takeover: kills the master of a real cluster again and again. Violations: kills without a takeover, clocks
/// that were stepped, pairs of clocks further apart than their bounds.
struct TakeoverOptions {
    std::uint32_t kills = 50;
    std::uint32_t slaves = 8;
    Duration interval = std::chrono::milliseconds{250};
    /// From the return of a killed standby to the next kill: its clock has to settle.
    Duration settle = std::chrono::seconds{10};
    std::uint64_t seed = 1;
    bool default_profile = true;  ///< heartbeats every 100 ms, timeout 500 ms
    bool fast_profile = true;     ///< 20 ms and 100 ms
};
inline constexpr std::uint32_t kKillsMax = 10'000;
[[nodiscard]] Result<Report> run_takeover(const TakeoverOptions& options);

/// scale: what a round and its corrections cost with many slaves, next to bare libzmq. Violations: rounds in
/// which a probe or a correction was lost, of either lane.
struct ScaleOptions {
    std::vector<std::size_t> slaves{32, 256, 1024};
    std::uint32_t rounds = 50;  ///< counted, of each lane and size
};
inline constexpr std::size_t kScaleSlavesMax = 16'000;
inline constexpr std::size_t kScaleSizesMax = 16;
inline constexpr std::uint32_t kScaleRoundsMax = 100'000;
/// Raises the limit of open files, too.
[[nodiscard]] Result<void> check_scale(const ScaleOptions& options);
[[nodiscard]] Result<Report> run_scale(const ScaleOptions& options);

/// Reads a recording; the error names the file.
[[nodiscard]] Result<sim::DelayTrace> load_trace(const std::string& path);

/// simulate: the simulator's scenarios, many seeds of each, on all CPUs; or one large cluster. Violations:
/// runs that broke a promise or a limit; each is told on stderr with its seed, and `--scenario NAME --seed N`
/// repeats it bit for bit.
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
[[nodiscard]] Result<void> check_simulate(const SimulateOptions& options);
[[nodiscard]] Result<Report> run_simulate(const SimulateOptions& options);
/// Names and summaries, one line each.
std::string scenario_list();

/// estimators: the product's estimator and its rivals, offline, in virtual time.
struct StudyOptions {
    std::vector<std::string> traces;  ///< files of recorded delays, each a scenario
    std::uint64_t seeds = 20;
};
inline constexpr std::uint64_t kStudySeedsMax = 10'000;
[[nodiscard]] Result<Report> run_estimators(const StudyOptions& options);

/// codec: what encoding and decoding cost by themselves, next to bare msgpack, and the average of many clocks
/// next to sorting as many numbers. `arguments` are Google Benchmark's own (--benchmark_filter=...). Prints
/// by itself and returns the exit code.
int run_codec(const std::vector<std::string>& arguments, bool json);

}  // namespace berkeley::bench
