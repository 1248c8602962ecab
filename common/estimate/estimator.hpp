// OffsetEstimator: follows one slave's raw clock against the master's raw clock, offset and frequency.
//
// A Kalman filter with two states. Raw clocks are never corrected, so no correction disturbs the history.
// Measurement variance R = (r0 + (delay - delay_floor) / 2) * (r1 + disagreement of the probes) with the
// floor over a sliding window, larger in the first rounds, when the floor is not known well; process noise
// starts high and adapts to the innovations; an innovation beyond 5 sigma is rejected once and accepted if it
// repeats. Offsets are kept as an int64 base and a double residual, because raw clocks may lie 1e18 ns apart.
// Not thread-safe; one object a slave.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "estimate/burst.hpp"

namespace berkeley {

struct Estimate {
    RawTime at{};         ///< master's raw time
    Duration offset{0};   ///< slave's raw clock minus master's, at `at`
    double freq_ppb = 0;  ///< the slave's oscillator relative to the master's
    double offset_stddev_ns = 0;
    double freq_stddev_ppb = 0;
    /// The frequency's mean over the time observed lies certainly within this of freq_ppb: the first figure
    /// is an estimate's deviation, this one follows from the fastest probes' intervals alone.
    double freq_bound_ppb = 0;
};

struct EstimatorOptions {
    Duration r0{3'000};  ///< deviation of an unqueued measurement
    double freq_prior_stddev_ppb = 200'000;
    std::size_t floor_window = 64;  ///< rounds over which the least delay is taken; <= kFloorWindowMax
    double gate_sigma = 5;
};
inline constexpr std::size_t kFloorWindowMax = 64;

class OffsetEstimator {
public:
    explicit OffsetEstimator(const EstimatorOptions& options = {});

    /// Forgets everything (the slave's process, hence perhaps its machine, is another one).
    void reset();

    /// It is measured anew, over paths whose delays are known: what is known of the slave's clock is old.
    void forget_clock();

    /// `freq_ppb`: a frequency known from before (the slave reports it), with its deviation, and how far it
    /// is off at most.
    void set_prior_frequency(double freq_ppb, double stddev_ppb, double bound_ppb);
    /// The same, known as well as that of any oscillator.
    void set_prior_frequency(double freq_ppb);

    /// An offset known from before the first measurement, with its uncertainty. Requires: none was taken yet.
    void set_prior_offset(RawTime at, Duration offset, double stddev_ns);

    /// Takes one measurement; false where the gate rejected it.
    bool update(const Measurement& measurement);

    /// The state carried to the master's raw time `at`; nothing before the first measurement.
    std::optional<Estimate> predict(RawTime at) const;

    /// The least delay of the window; 0 before the first measurement.
    Duration delay_floor() const;
    /// Measurements of the slave's clock since it was new, or forgotten.
    std::size_t measurements() const { return measurements_; }

private:
    void begin(RawTime at, Duration offset, double variance);
    void note_delay(Duration delay);
    void note_tightest(const Sample& sample);
    double freq_bound() const;
    double advance(RawTime at);
    void adapt(double normalized);
    void learn_anew(const Measurement& measurement, double innovation, double variance);
    void forget_innovations();

    EstimatorOptions options_;
    bool started_ = false;
    RawTime at_{};
    Duration base_{0};   ///< the integer part of the offset at at_
    double offset_ = 0;  ///< ns above base_
    double freq_ = 0;    ///< ppb, that is ns per second
    double var_offset_ = 0;
    double covariance_ = 0;
    double var_freq_ = 0;
    double wander_ = 0;  ///< process noise: variance of the frequency gained per second, ppb^2 / s
    /// Fast probes of long ago and of late: what the clocks have parted by between them limits the frequency.
    /// anchor_ is replaced by next_anchor_ when that is old enough, so that the oscillator's past is
    /// forgotten.
    std::optional<Sample> anchor_;
    Sample next_anchor_;
    Sample latest_;
    double prior_freq_ = 0;          ///< ppb, known from before,
    double prior_bound_ = 0;         ///< and how far it is off at most
    double innovation_ = 0;          ///< the last, over its deviation
    double innovation_product_ = 0;  ///< of two in a row, and
    double innovation_power_ = 0;    ///< of one with itself: means of the latest
    /// What the gate rejected last: the next one tells whether the clock has jumped, or runs at another rate.
    struct Rejected {
        double innovation = 0;
        double variance = 0;
        Sample tightest;
    };
    std::optional<Rejected> rejected_;
    std::array<Duration, kFloorWindowMax> delays_{};
    std::size_t delay_count_ = 0;
    std::size_t measurements_ = 0;
};

}  // namespace berkeley
