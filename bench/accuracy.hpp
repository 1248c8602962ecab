// berkeley-bench accuracy: how far apart the clocks of a cluster truly are, next to what simpler methods and
// chrony reach on the same machine in the same minute.
//
// Real processes over TCP loopback with injected errors; all share the machine's raw clock, so the truth is
// known. First nothing else runs, then two processes that spin: noise that every row of that half meets
// alike. So trust the ratios before the figures.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/cluster_processes.hpp"
#include "bench/stats.hpp"

namespace berkeley::bench {

struct AccuracyOptions {
    ClusterOptions cluster;
    Duration settle = std::chrono::seconds{30};
    Duration duration = std::chrono::seconds{30};  ///< of each half, idle and loaded
    bool with_chrony = false;
    std::string plot;  ///< an SVG file; empty: none
};

/// Whether what the options ask for is there; else a line that says what is missing.
[[nodiscard]] Result<void> check_accuracy(const AccuracyOptions& options);

/// Forks. Requires: one thread in this process, and no ZeroMQ context. SIGINT and SIGTERM end it early, and
/// then this process, once all that it started is gone.
[[nodiscard]] Result<Report> run_accuracy(const AccuracyOptions& options);

}  // namespace berkeley::bench
