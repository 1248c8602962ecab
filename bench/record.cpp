#include <unistd.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <vector>

#include "bench/benchmarks.hpp"
#include "bench/poll_path.hpp"
#include "sim/delay_trace.hpp"

namespace berkeley::bench {

namespace {

constexpr std::size_t kProbes = 8;
constexpr int kSpinning = 2;
/// Bursts without any answer in a row; each has waited for a second.
constexpr int kLostInARowMax = 5;
static_assert(kRecordBurstsMax * kProbes <= sim::kTraceProbesMax);

[[noreturn]] void spin(const std::string&) {
    for (volatile std::uint64_t i = 0;;) i = i + 1;
}

Result<void> start(std::vector<PeerProcess>& processes, PeerProcess::Main main) {
    auto process = PeerProcess::start(main);
    if (!process) return failure(process.error());
    processes.push_back(std::move(*process));
    return {};
}

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
    for (std::size_t i = 0; i < kProbes; ++i) {
        const auto stamps = path.exchange();
        if (!stamps) {
            ++recording.lost;
            break;
        }
        const sim::PathDelay delay{stamps->t2 - stamps->t1, stamps->t4 - stamps->t3};
        recording.forward.add(microseconds(delay.forward));
        recording.backward.add(microseconds(delay.backward));
        recording.error.add(std::abs(microseconds(delay.forward - delay.backward)) / 2);
        burst.probes.push_back(delay);
    }
    if (burst.probes.empty()) return false;
    recording.trace.push_back(std::move(burst));
    return true;
}

Result<void> record(PollPath& path, const RecordOptions& options, Recording& recording) {
    Progress progress("recording", options.bursts);
    RawTime begin{};
    int lost_in_a_row = 0;
    for (std::uint64_t done = 0; done < options.bursts; ++done) {
        progress.update(done);
        path.idle(options.gap);
        if (done == 0) begin = path.now();
        lost_in_a_row = record_burst(path, path.now() - begin, recording) ? 0 : lost_in_a_row + 1;
        if (lost_in_a_row >= kLostInARowMax) return failure("the slave does not answer any more");
    }
    return {};
}

}  // namespace

Result<Report> run_record(const RecordOptions& options) {
    // Opened first: nobody wants to learn after the recording that it cannot be kept.
    std::ofstream file(options.file);
    if (!file) return failure(options.file + ": cannot be written");
    std::vector<PeerProcess> processes;
    if (const auto slave = start(processes, run_unplaced_slave_process); !slave)
        return failure(slave.error());
    for (int i = 0; options.load && i < kSpinning; ++i) {
        if (const auto spinner = start(processes, spin); !spinner) return failure(spinner.error());
    }
    auto path = make_poll_path(Wire::tcp, "record", &processes.front());
    if (!path) return failure(path.error());
    for (std::size_t i = 1; i < processes.size(); ++i) {
        if (const auto told = processes[i].tell("spin"); !told) return failure(told.error());
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
