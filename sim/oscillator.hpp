// Oscillator: a machine's raw clock, as a function of true time.
//
//   rate(t) = 1 + constant + random walk + sine of temperature + steps
//   raw(t)  = base + the integral of rate
//
// The rate is constant for kTick at a time, so raw time is piecewise linear and never runs backward. A
// suspend stops it for a while, as it stops CLOCK_MONOTONIC_RAW. Everything random comes from the
// oscillator's own generator, so a seed gives the same clock however often it is read. True time must not
// decrease from call to call.
#pragma once

#include <vector>

#include "base/int128.hpp"
#include "base/prng.hpp"
#include "base/time.hpp"

namespace berkeley::sim {

struct FrequencyStep {
    TrueTime at{};
    double ppb = 0;
};

struct OscillatorModel {
    double ppm = 0;         ///< constant error
    double wander_ppb = 0;  ///< deviation of the random walk after one second, per root second
    double sine_ppb = 0;    ///< amplitude of the temperature's daily or air conditioner's swing
    Duration sine_period = std::chrono::minutes{10};
    double sine_phase = 0;             ///< 0..1
    std::vector<FrequencyStep> steps;  ///< in the order of time
};

class Oscillator {
public:
    static constexpr Duration kTick = std::chrono::milliseconds{100};

    Oscillator(OscillatorModel model, Duration base, std::uint64_t seed);

    RawTime raw(TrueTime now);
    /// The true time at which raw() will read `raw` if the rate stays as it is: exact within a tick,
    /// approximate beyond it.
    TrueTime when(RawTime raw, TrueTime now);
    /// Raw time stands still until `end`.
    void suspend(TrueTime now, TrueTime end);
    /// The total time for which it has stood still.
    Duration stood_still(TrueTime now) const;

private:
    void advance(TrueTime now);
    void begin_tick();

    OscillatorModel model_;
    Prng prng_;
    TrueTime tick_at_{};
    Int128 raw_at_;        ///< whole ns at tick_at_
    double fraction_ = 0;  ///< of a ns
    double walk_ppb_ = 0;
    double rate_ = 0;  ///< fractional frequency error during this tick
    std::size_t steps_done_ = 0;
    double stepped_ppb_ = 0;
    TrueTime suspended_at_ = TrueTime::min();
    TrueTime suspended_until_ = TrueTime::min();
    Duration suspended_before_{0};  ///< total of the suspends before the last
};

}  // namespace berkeley::sim
