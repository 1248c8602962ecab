// ClockServo: decides how CLOCK_REALTIME follows cluster time: the frequency to set, and when to step.
//
//   frequency = mean rate of the map until the next update  - own rate of CLOCK_REALTIME  + pull
//               \____ feed-forward ____/                      \_ measured, the median _/    \_ removes the
//                                                                                              residual _/
//
// The *mean* rate, since a slew of 2 ms ends in the middle of a second: its momentary rate, fed forward for
// the whole second, would carry the clock past its end by hundreds of microseconds. The *median* of measured
// rates and no integral of the residual, since whatever else moves the clock (`date -s`, a hypervisor) would
// wind an integral up; a median does not notice it. Without the pull the sum is the *plain* frequency, which
// is worth keeping when nobody steers any more.
//
// The clock is stepped when the map was stepped (a new number of jumps), and when something else moved the
// clock by more than the step threshold, or so far that slewing would leave it useless for long. Any other
// residual is slewed at `pull_max_ppm` at most.
// Failure mode: a map that runs faster than the kernel allows cannot be followed; the residual grows and is
// reported by the caller.
// Pure: no clock and no system call inside. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/true_map.hpp"

namespace berkeley {

/// One look at both clocks.
struct ClockObservation {
    TrueTime at{};
    std::int64_t realtime_ns = 0;  ///< CLOCK_REALTIME
    Duration doubt{0};             ///< how long the look took
};

struct ClockServoOptions {
    /// A step of the map that leaves less than this is slewed.
    Duration step_min = std::chrono::milliseconds{1};
    /// A movement by somebody else beyond this is undone with a step,
    Duration step_threshold = std::chrono::seconds{1};
    /// and so is one that slewing would keep beyond `error_max` for longer than `patience`.
    Duration error_max = std::chrono::milliseconds{100};
    Duration patience = std::chrono::seconds{10};
    /// A movement by somebody else below this cannot be told from a clock that was read late.
    Duration moved_min = std::chrono::milliseconds{1};
    Duration time_constant = std::chrono::seconds{2};
    double pull_max_ppm = 500;
    Duration update_every = std::chrono::seconds{1};
};

/// What the kernel shall be told.
struct ServoPlan {
    Duration residual{0};          ///< cluster time less CLOCK_REALTIME
    std::optional<Duration> step;  ///< add this to CLOCK_REALTIME, then observe and plan again
    double frequency_ppm = 0;      ///< of CLOCK_REALTIME against its oscillator
    double plain_ppm = 0;          ///< the same without pull and without slewing
    Duration moved{0};             ///< what somebody else did to the clock since the last plan; 0: nothing
    bool pull_limited = false;     ///< the residual takes longer than the time constant
    TrueTime next{};               ///< when to plan again, at the latest
    Duration deviation{0};         ///< root mean square of what corrections and residuals have been lately
};

class ClockServo {
public:
    explicit ClockServo(const ClockServoOptions& options) : options_(options) {}

    /// Follows `map`, which a trusted clock made; `jumps` counts its steps. Call applied() after each plan
    /// that was carried out.
    [[nodiscard]] ServoPlan follow(const ClockObservation& seen, const TrueMap& map, std::uint64_t jumps);

    /// The clock is not trusted now: the plain frequency, nothing else. A movement by somebody else that
    /// calls for a step is remembered until the clock is followed again.
    [[nodiscard]] ServoPlan coast(const ClockObservation& seen, std::uint64_t jumps);

    /// The kernel runs at this frequency from the last plan on.
    void applied(double frequency_ppm) { set_ppm_ = frequency_ppm; }

    /// Somebody else set the frequency meanwhile: what the clock did since says nothing about its own rate.
    void forget_rate_window() { window_.reset(); }

    /// Whether it ever followed; before that there is no plain frequency.
    bool followed() const { return jumps_.has_value(); }
    double plain_ppm() const { return map_ppm_ - own_ppm(); }

private:
    /// CLOCK_REALTIME's own rate is a constant of the kernel; a minute of measurements is plenty.
    static constexpr std::size_t kRates = 15;

    double own_ppm() const;
    Duration moved_since_last(const ClockObservation& seen, bool jumped);
    void measure_own_rate(const ClockObservation& seen, bool moved);
    bool calls_for_step(Duration moved) const;
    TrueTime next_update(const TrueMap& map, TrueTime now) const;

    struct Window {
        ClockObservation begin;
        double expected_ns = 0;  ///< that CLOCK_REALTIME gains by what was set
    };

    ClockServoOptions options_;
    std::optional<std::uint64_t> jumps_;    ///< of the map that was followed last
    std::optional<ClockObservation> last_;  ///< none: the clock's movement since is not known
    std::optional<Window> window_;
    bool step_due_ = false;
    double set_ppm_ = 0;
    double map_ppm_ = 0;  ///< the map's rate without slewing
    std::array<double, kRates> rates_{};
    std::size_t rates_count_ = 0;
    double mean_square_ns_ = 0;
};

}  // namespace berkeley
