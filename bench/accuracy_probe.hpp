// SinglePoller: what simpler methods would have measured, at the same time on the same machine.
//
// One request a round over a bare ROUTER and DEALER to a process of its own, after idle time, as a
// method that polls once would do. Both ends stamp with CLOCK_MONOTONIC_RAW, so the true offset is
// 0 and whatever a method makes of the four stamps is its error. A thread asks, at intervals that
// vary by half so that they keep no phase with the cluster's rounds. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley::bench {

struct SingleProbe {
    Duration forth{0};  ///< t2 - t1
    Duration back{0};   ///< t4 - t3

    /// Of Cristian's offset, ((t2 - t1) + (t3 - t4)) / 2.
    Duration cristian_error() const { return std::chrono::abs(forth - back) / 2; }
    /// The error of a clock that is set to a received time as it arrives, as the well-known tutorials do
    /// it.
    Duration uncompensated_error() const { return forth; }
};

class SinglePoller {
public:
    virtual ~SinglePoller() = default;
    /// The probes since the last call, those without an answer left out.
    virtual std::vector<SingleProbe> take() = 0;
};

[[nodiscard]] Result<std::unique_ptr<SinglePoller>> start_single_poller(Duration interval,
                                                                        std::uint64_t seed);

}  // namespace berkeley::bench
