// As in real use: bursts with idle gaps, so that CPUs and caches have fallen asleep at the first
// probe, and no end on a CPU of its own. Both ends read one raw clock, so t2 - t1 and t4 - t3 are
// the two ways' delays exactly, and an estimator that is fed with them has a true error.

#include <cmath>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "bench/benchmarks.hpp"
#include "bench/interrupt_guard.hpp"
#include "bench/path.hpp"
#include "bench/peer.hpp"
#include "os/os_clock.hpp"
#include "sim/delay_trace.hpp"

namespace berkeley::bench {

namespace {

constexpr std::size_t kProbes = 8;
/// Bursts without any answer in a row; each has waited for a second.
constexpr int kLostInARowMax = 5;
static_assert(kRecordBurstsMax * kProbes <= sim::kTraceProbesMax);

double microseconds(Duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

struct Recording {
    sim::DelayTrace trace;
    Samples forward;
    Samples backward;
    Samples error;  ///< of each probe's offset
    std::uint64_t lost = 0;
};

/// A burst ends at the first lost probe, as the product's does. False where none was answered.
bool record_burst(PollPath& path, Duration at, Recording& recording) {
    sim::TraceBurst burst{at, {}};
    for (const ProbeStamps& stamps : path.exchange(kProbes)) {
        const sim::PathDelay delay{stamps.t2 - stamps.t1, stamps.t4 - stamps.t3};
        recording.forward.add(microseconds(delay.forward));
        recording.backward.add(microseconds(delay.backward));
        recording.error.add(std::abs(microseconds(delay.forward - delay.backward)) / 2);
        burst.probes.push_back(delay);
    }
    if (burst.probes.size() < kProbes) ++recording.lost;
    if (burst.probes.empty()) return false;
    recording.trace.push_back(std::move(burst));
    return true;
}

Result<void> record(PollPath& path, const RecordOptions& options, Recording& recording) {
    Progress progress("recording", options.bursts);
    TrueTime begin{};
    int lost_in_a_row = 0;
    for (std::uint64_t done = 0; done < options.bursts; ++done) {
        progress.update(done);
        if (const auto go_on = InterruptGuard::check(); !go_on) return go_on;
        std::this_thread::sleep_for(options.gap);
        if (done == 0) begin = true_now();
        lost_in_a_row = record_burst(path, true_now() - begin, recording) ? 0 : lost_in_a_row + 1;
        if (lost_in_a_row >= kLostInARowMax) return failure("the slave does not answer any more");
    }
    return {};
}

}  // namespace

Result<Report> run_record(const RecordOptions& options) {
    const InterruptGuard guard;
    // Opened first: nobody wants to learn after the recording that it cannot be kept.
    std::ofstream file(options.file);
    if (!file) return failure(options.file + ": cannot be written");
    auto path = make_poll_path(Wire::tcp, false);
    if (!path) return failure(path.error());
    std::vector<Peer> spinners;
    if (options.load) {
        auto spinning = start_spinners();
        if (!spinning) return failure(spinning.error());
        spinners = std::move(*spinning);
    }
    Recording recording;
    if (const auto done = record(**path, options, recording); !done) return failure(done.error());
    file << sim::format_trace(recording.trace);
    if (!file.flush()) return failure(options.file + ": cannot be written");

    Report report;
    report.bench = "recording";
    report.machine =
        machine_facts({{"load", options.load ? "two spinning processes" : "none of ours"},
                       {"gap", std::to_string(options.gap / std::chrono::milliseconds{1}) + " ms"}});
    report.rows.push_back(recording.forward.row("forward", "us"));
    report.rows.push_back(recording.backward.row("backward", "us"));
    report.rows.push_back(recording.error.row("single_probe_error", "us"));
    report.violations = recording.lost;
    return report;
}

}  // namespace berkeley::bench
