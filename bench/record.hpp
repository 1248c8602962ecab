// berkeley-bench latency --record: the one-way delays of the product's own poll path, for the simulator and
// for the study of estimators.
//
// As in real use: bursts with idle gaps between them, so that CPUs and caches have fallen asleep at the first
// probe, and no end on a CPU of its own. Both ends read one raw clock, so t2 - t1 and t4 - t3 are the two
// ways' delays exactly, and an estimator that is fed with them has a true error.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/stats.hpp"

namespace berkeley::bench {

struct RecordOptions {
    std::string file;  ///< written at the end, in the format of sim/delay_trace.hpp
    std::uint64_t bursts = 600;
    Duration gap = std::chrono::milliseconds{250};  ///< from the end of a burst to the next
    bool load = false;                              ///< two processes spin meanwhile
};

inline constexpr std::uint64_t kRecordBurstsMax = 400'000;
inline constexpr Duration kRecordGapMax = std::chrono::seconds{60};

/// Over TCP on this machine. Rows: each way's delay, and the error of a single probe. Forks the peers.
/// Requires: one thread in this process, and no ZeroMQ context.
[[nodiscard]] Result<Report> run_record(const RecordOptions& options);

}  // namespace berkeley::bench
