// AccuracyPhase: what was seen in one half of `berkeley-bench accuracy`, and which promises were broken.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/accuracy_probe.hpp"
#include "bench/stats.hpp"
#include "tests/harness/clock_watch.hpp"
#include "tests/harness/process.hpp"

namespace berkeley::bench {

struct Violations {
    std::uint64_t pairs = 0;   ///< two clocks further apart than their bounds together
    std::uint64_t master = 0;  ///< a slave further from the master than its own bound
    std::uint64_t status = 0;  ///< a clock that left SYNCHRONIZED

    std::uint64_t total() const { return pairs + master + status; }
};

/// CPU time of the whole machine since it started, in ticks.
struct CpuTime {
    std::uint64_t all = 0;
    std::uint64_t idle = 0;

    static CpuTime now();
    double busy_since(const CpuTime& before) const;
};

struct AccuracyPhase {
    Samples spread;
    Samples offset;  ///< of each slave from the master
    Samples bound;
    Samples single_cristian;
    Samples tutorial;
    Samples chrony;
    Violations violations;
    double busy = 0;                     ///< share of the machine's CPU time that anybody used meanwhile
    std::vector<harness::Sweep> sweeps;  ///< for the plot; not all where there are very many

    void add(const harness::Sweep& sweep);
    void add(const SingleProbe& probe);

private:
    void judge(const harness::Sweep& sweep);

    std::vector<std::int32_t> last_status_;
};

// The picture (accuracy_plot.cpp): each clock's deviation from the mean of all over time, and the error
// bound of one of them, drawn by gnuplot.

/// Whether gnuplot is there and the file's folder can be written to.
[[nodiscard]] Result<void> check_plot(const std::string& file);

/// Writes an SVG file, or a PNG file where the name says so.
[[nodiscard]] Result<void> plot_accuracy(const harness::TemporaryFolder& folder, const std::string& file,
                                         const std::vector<harness::Sweep>& idle,
                                         const std::vector<harness::Sweep>& loaded);

}  // namespace berkeley::bench
