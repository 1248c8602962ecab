// SystemClockFollower: makes CLOCK_REALTIME follow cluster time, for `--clock system`.
//
// The map gives the rate of cluster time, which is fed forward. A proportional term removes the residual with
// a time constant of several updates, and a slow integral removes the rest (the kernel's own rounding, a tick
// left over from another daemon). All three go into ADJ_FREQUENCY, which the kernel limits to +-500 ppm. The
// follower steps the clock (ADJ_SETOFFSET) at the first update only, or after restart().
// Failure mode: a map that runs more than 500 ppm off CLOCK_REALTIME's oscillator cannot be followed; the
// residual grows, is reported, and the integral does not wind up.
// Not thread-safe.
#pragma once

#include <sys/timex.h>

#include <cstdint>

#include "base/result.hpp"
#include "base/true_map.hpp"

namespace berkeley {

/// The system calls of the follower; tests hand in a fake.
class SystemClockCalls {
public:
    virtual ~SystemClockCalls() = default;
    /// clock_adjtime(CLOCK_REALTIME): 0 or an errno.
    virtual int adjust(timex& request) = 0;
    virtual std::int64_t realtime_ns() = 0;
    virtual TrueTime true_now() = 0;
};

class LinuxSystemClock final : public SystemClockCalls {
public:
    int adjust(timex& request) override;
    std::int64_t realtime_ns() override;
    TrueTime true_now() override;
};

class SystemClockFollower {
public:
    struct Options {
        /// The first residual is slewed too where it is less than this.
        Duration step_min = std::chrono::milliseconds{1};
        Duration time_constant_min = std::chrono::seconds{4};
    };

    struct Report {
        Duration residual{0};  ///< cluster time less CLOCK_REALTIME, before this update
        double freq_ppm = 0;   ///< as set
        bool stepped = false;
        bool limited = false;  ///< the kernel allows less than was wanted
    };

    /// Requires: `calls` outlives the follower.
    SystemClockFollower(SystemClockCalls& calls, Options options) : calls_(calls), options_(options) {}
    explicit SystemClockFollower(SystemClockCalls& calls) : SystemClockFollower(calls, Options{}) {}

    /// Call it about once a second, while the node's clock is worth following. It fails, with advice, where
    /// the process may not set the clock; nothing is half done then.
    [[nodiscard]] Result<Report> update(const TrueMap& map);

    /// The map was stepped: the next update may step as well.
    void restart();

private:
    struct Observation {
        TrueTime at{};
        Duration residual{0};
    };
    Observation observe(const TrueMap& map);
    double steer(const Observation& seen, double map_ppm);
    Result<void> take_over();
    Result<void> step(Duration by);
    Result<void> set_frequency(double ppm);

    SystemClockCalls& calls_;
    Options options_;
    bool owned_ = false;  ///< the kernel's own loops are switched off
    bool cold_ = true;    ///< a step is allowed
    TrueTime last_{};
    bool updated_ = false;  ///< last_ is meaningful
    double integral_ppm_ = 0;
};

}  // namespace berkeley
