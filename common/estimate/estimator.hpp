// OffsetEstimator: follows one slave's raw clock against the master's raw clock, offset and frequency.
//
// A Kalman filter with two states. Raw clocks are never corrected, so no correction disturbs the history.
// Measurement variance R = (r0 + (delay - delay_floor) / 2) * (r1 + disagreement of the probes). The floor
// is taken over a sliding window; in the first rounds, when it is not well known, R is larger. Process noise
// starts high and adapts to the innovations. An innovation beyond 5 sigma is rejected once and accepted if
// it repeats. Offsets are an int64 base and a double residual, because raw clocks may lie 1e18 ns apart. Not
// thread-safe; one object for each slave.
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
    /// The mean frequency over the observed time certainly lies within this of freq_ppb. freq_stddev_ppb is
    /// an estimate; this bound follows from the intervals of the fastest probes alone.
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

    /// Forgets everything: the slave's process, and so perhaps its machine, is a new one.
    void reset();

    /// Forgets the slave's clock, which is known from long ago, and keeps the delays of its path.
    void forget_clock();

    /// Starts from a frequency known from before (the slave reports it), with its deviation and its largest
    /// error.
    void set_prior_frequency(double freq_ppb, double stddev_ppb, double bound_ppb);
    /// Starts from a frequency that is known no better than that of any oscillator.
    void set_prior_frequency(double freq_ppb);

    /// Starts from an offset known from before, with its uncertainty. Requires: no measurement was taken
    /// yet.
    void set_prior_offset(RawTime at, Duration offset, double stddev_ns);

    /// How far the two clocks have certainly jumped apart between the last measurement that was taken and
    /// this one, in the sense of the offset; 0 where both ways' delays and the drift may explain what was
    /// measured. Ask before update().
    Duration jump(const Measurement& measurement, std::int64_t max_drift_ppb) const;

    /// Takes one measurement. Returns false where the gate rejected it.
    bool update(const Measurement& measurement);

    /// The state carried to the master's raw time `at`; nothing before the first measurement.
    std::optional<Estimate> predict(RawTime at) const;

    /// The least delay of the window; 0 before the first measurement.
    Duration delay_floor() const;
    /// Measurements taken since the clock was new or was forgotten.
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
    /// An old and a recent fast probe. The clocks' drift between the two limits the frequency. When
    /// next_anchor_ is old enough it replaces anchor_, so the oscillator's past is forgotten.
    std::optional<Sample> anchor_;
    Sample next_anchor_;
    Sample latest_;
    double prior_freq_ = 0;          ///< ppb, known from before,
    double prior_bound_ = 0;         ///< and how far it is off at most
    double innovation_ = 0;          ///< the last, over its deviation
    double innovation_product_ = 0;  ///< of two in a row, and
    double innovation_power_ = 0;    ///< of one with itself: means of the latest
    /// The measurement that the gate rejected last. The next one tells whether the clock has jumped or runs
    /// at another rate.
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
