// The filter's model, with t in seconds:
//
//   offset(t + dt) = offset(t) + freq * dt    measured with variance (r0 + queued / 2) * (r1 + disagreement)
//   freq(t + dt)   = freq(t) + noise          variance wander * dt
//
// Two figures say how good a measurement is. The first is queueing: delay - floor + hidden. All of it may be
// on one way, and then half of it is the error. After an idle CPU was woken, which is slow on both ways
// alike, this figure is ten times too large; a filter that used it alone would follow the rare fast probe
// and its luck. The second is the disagreement of the probes. It shows their error, but not what all of them
// share. Neither serves alone on real delays; their geometric mean does (docs/ALGORITHM.md).
//
// The wander is not known. It starts high, so that the filter learns the frequency in a few rounds, and
// falls while the innovations look like white noise. Innovations of one sign in a row, however small, are
// drift that the filter denies (Mehra, "On the identification of variances and adaptive Kalman filtering",
// 1970): they raise the wander. A single innovation that is larger than predicted raises it too. A filter
// that trusts the oscillator too much is wrong by the drift that it denies; a filter that trusts it too
// little only passes some more noise.
//
// The floor is the least delay of all probes of 64 rounds, warm-up included. In the first rounds it is still
// too high. A filter that trusted it would be far too sure of the first measurements, which have the most
// leverage on the frequency, and would reject the good ones after them. So we count floor / 2n of the delay
// as queueing that n rounds have hidden.
//
// Failure mode: a persistent asymmetry of the path is invisible here and goes into the offset in full. A
// step of the slave's raw clock (a virtual machine that was moved) looks like an outlier once; then the
// filter believes it.

#include "estimate/estimator.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/int128.hpp"

namespace berkeley {

namespace {

constexpr double kWanderStart = 1e4;  // 100 ppb per root second
constexpr double kWanderMin = 1;      // 1 ppb per root second: a crystal in a quiet room
constexpr double kWanderMax = 1e6;
/// How fast the wander follows the innovations, per measurement.
constexpr double kWanderFall = 0.8;
constexpr double kWanderRise = 2.0;
/// Squared normalized innovations have mean 1 where the model is right.
constexpr double kSurprising = 4.0;
/// Correlation of each innovation with the one before it; white noise has 0.
constexpr double kLagging = 0.5;
constexpr double kCorrelationWeight = 0.2;  ///< of the newest
/// One outlier must not look like a trend.
constexpr double kInnovationMax = 3.0;
/// The filter believes no oscillator to be farther off.
constexpr double kFreqMax = 2e8;
/// We take a frequency known from before as certain to within this many deviations.
constexpr double kPriorSigmas = 4;
constexpr Duration kAnchorAge = std::chrono::seconds{60};
/// r1: the error that probes may share although they agree to the nanosecond.
constexpr double kAgreedDeviation = 1'000;

double seconds_between(RawTime from, RawTime to) {
    return static_cast<double>(saturate(Int128{to_ns(to)} - to_ns(from))) * 1e-9;
}

}  // namespace

OffsetEstimator::OffsetEstimator(const EstimatorOptions& options) : options_(options) {
    assert(options.floor_window >= 1 && options.floor_window <= kFloorWindowMax);
    reset();
}

void OffsetEstimator::reset() {
    forget_clock();
    delay_count_ = 0;
}

void OffsetEstimator::forget_clock() {
    started_ = false;
    measurements_ = 0;
    set_prior_frequency(0);
    wander_ = kWanderStart;
    forget_innovations();
    rejected_.reset();
    anchor_.reset();
}

void OffsetEstimator::set_prior_frequency(double freq_ppb, double stddev_ppb, double bound_ppb) {
    freq_ = prior_freq_ = std::clamp(freq_ppb, -kFreqMax, kFreqMax);
    var_freq_ = stddev_ppb * stddev_ppb;
    prior_bound_ = std::min(bound_ppb, kFreqMax);
}

void OffsetEstimator::set_prior_frequency(double freq_ppb) {
    set_prior_frequency(freq_ppb, options_.freq_prior_stddev_ppb,
                        kPriorSigmas * options_.freq_prior_stddev_ppb);
}

void OffsetEstimator::set_prior_offset(RawTime at, Duration offset, double stddev_ns) {
    assert(!started_);
    begin(at, offset, stddev_ns * stddev_ns);
}

Duration OffsetEstimator::delay_floor() const {
    const std::size_t known = std::min(delay_count_, options_.floor_window);
    if (known == 0) return Duration{0};
    return *std::min_element(delays_.begin(), delays_.begin() + static_cast<std::ptrdiff_t>(known));
}

void OffsetEstimator::note_delay(Duration delay) { delays_[delay_count_++ % options_.floor_window] = delay; }

void OffsetEstimator::note_tightest(const Sample& sample) {
    latest_ = sample;
    if (!anchor_) {
        anchor_ = next_anchor_ = sample;
    } else if (sample.at - next_anchor_.at >= kAnchorAge) {
        anchor_ = next_anchor_;
        next_anchor_ = sample;
    }
}

/// Between two probes the offset has changed by the difference of their offsets, give or take half of both
/// delays. The frequency lies in the intersection of that and the earlier knowledge, and the estimate is off
/// by at most the distance to its far end.
double OffsetEstimator::freq_bound() const {
    double low = prior_freq_ - prior_bound_;
    double high = prior_freq_ + prior_bound_;
    if (const double dt = anchor_ ? seconds_between(anchor_->at, latest_.at) : 0; dt > 0) {
        const auto parted =
            static_cast<double>(saturate(Int128{latest_.offset.count()} - anchor_->offset.count()));
        const double unknown =
            (static_cast<double>(anchor_->delay.count()) + static_cast<double>(latest_.delay.count())) / 2 +
            2 * static_cast<double>(kReceiveDoubt.count());
        // Where the two share nothing the oscillator has changed, and only the newer one counts.
        const bool share = (parted - unknown) / dt <= high && (parted + unknown) / dt >= low;
        low = share ? std::max(low, (parted - unknown) / dt) : (parted - unknown) / dt;
        high = share ? std::min(high, (parted + unknown) / dt) : (parted + unknown) / dt;
    }
    return std::clamp(std::max(freq_ - low, high - freq_), 0.0, kFreqMax);
}

void OffsetEstimator::begin(RawTime at, Duration offset, double variance) {
    started_ = true;
    at_ = at;
    base_ = offset;
    offset_ = 0;
    var_offset_ = variance;
    covariance_ = 0;
    rejected_.reset();
}

/// Carries the covariance to `at`; returns the predicted offset above base_.
double OffsetEstimator::advance(RawTime at) {
    const double dt = std::max(0.0, seconds_between(at_, at));
    const double noise = wander_ * dt;
    var_offset_ += 2 * dt * covariance_ + dt * dt * var_freq_ + noise * dt * dt / 3;
    covariance_ += dt * var_freq_ + noise * dt / 2;
    var_freq_ += noise;
    return offset_ + freq_ * dt;
}

void OffsetEstimator::forget_innovations() { innovation_ = innovation_product_ = innovation_power_ = 0; }

void OffsetEstimator::adapt(double normalized) {
    const double bounded = std::clamp(normalized, -kInnovationMax, kInnovationMax);
    const auto follow = [](double& mean, double value) { mean += kCorrelationWeight * (value - mean); };
    follow(innovation_product_, bounded * innovation_);
    follow(innovation_power_, bounded * bounded);
    innovation_ = bounded;
    const bool lagging = innovation_product_ > kLagging * innovation_power_;
    const bool surprising = normalized * normalized > kSurprising;
    wander_ =
        std::clamp(wander_ * (lagging || surprising ? kWanderRise : kWanderFall), kWanderMin, kWanderMax);
}

/// A clock that has jumped is off by the same amount twice. A clock whose rate has changed is off by more
/// the second time. Where the two are too close together to tell, the filter allows for both.
void OffsetEstimator::learn_anew(const Measurement& measurement, double innovation, double variance) {
    const Rejected first = *rejected_;
    const double dt = seconds_between(first.tightest.at, measurement.at);
    const double since = seconds_between(at_, measurement.at);
    const double slope = dt > 0 ? (innovation - first.innovation) / dt : 0;
    const double unsure = dt > 0 ? std::sqrt(first.variance + variance) / dt : 0;
    const double change = std::abs(slope) > 2 * unsure ? slope : 0;
    const double possible = std::max(unsure, since > 0 ? std::abs(innovation) / since : 0);
    freq_ = std::clamp(freq_ + change, -kFreqMax, kFreqMax);
    var_freq_ = std::max(var_freq_, change != 0 ? unsure * unsure : possible * possible);
    var_freq_ = std::min(var_freq_, options_.freq_prior_stddev_ppb * options_.freq_prior_stddev_ppb);
    wander_ = kWanderStart;
    forget_innovations();
    begin(measurement.at, measurement.offset, variance);
    prior_bound_ = kFreqMax;
    anchor_.reset();
    note_tightest(first.tightest);
    note_tightest(measurement.tightest);
}

Duration OffsetEstimator::jump(const Measurement& measurement, std::int64_t max_drift_ppb) const {
    if (!anchor_) return Duration{0};
    const Sample& now = measurement.tightest;
    const double dt = std::max(0.0, seconds_between(latest_.at, now.at));
    const auto parted = static_cast<double>(saturate(Int128{now.offset.count()} - latest_.offset.count()));
    const double unexplained = parted - freq_ * dt;
    // Both oscillators may have changed their rates since.
    const double drift = (freq_bound() + 2 * static_cast<double>(max_drift_ppb)) * dt;
    const double explained =
        (static_cast<double>(now.delay.count()) + static_cast<double>(latest_.delay.count())) / 2 +
        2 * static_cast<double>(kReceiveDoubt.count()) + drift;
    if (std::abs(unexplained) <= explained) return Duration{0};
    return Duration{std::llround(std::clamp(unexplained, -4e18, 4e18))};
}

bool OffsetEstimator::update(const Measurement& measurement) {
    ++measurements_;
    note_delay(measurement.tightest.delay);
    const auto floor = static_cast<double>(delay_floor().count());
    // The least delay seen so far may itself include queueing; more bursts make that less likely.
    const double hidden = floor / (2 * static_cast<double>(delay_count_));
    // A measurement made of two probes may be below the floor of single probes.
    const double queued = std::max(0.0, static_cast<double>(measurement.delay.count()) - floor) + hidden;
    const double deviation = static_cast<double>(options_.r0.count()) + queued / 2;
    const double shown = kAgreedDeviation + static_cast<double>(measurement.disagreement.count());
    const double variance =
        deviation * (measurement.disagreement > Duration{0} ? std::min(deviation, shown) : deviation);
    if (!started_) {
        begin(measurement.at, measurement.offset, variance);
        note_tightest(measurement.tightest);
        return true;
    }
    const OffsetEstimator before = *this;
    const double predicted = advance(measurement.at);
    const double measured = static_cast<double>(saturate(Int128{measurement.offset.count()} - base_.count()));
    const double innovation = measured - predicted;
    const double total = var_offset_ + variance;
    const double normalized = innovation * innovation / total;
    if (normalized > options_.gate_sigma * options_.gate_sigma) {
        const bool repeated = rejected_ && (rejected_->innovation > 0) == (innovation > 0);
        *this = before;
        if (repeated) {
            learn_anew(measurement, innovation, variance);
        } else {
            rejected_ = Rejected{innovation, variance, measurement.tightest};
        }
        return repeated;
    }
    rejected_.reset();
    note_tightest(measurement.tightest);
    adapt(innovation / std::sqrt(total));
    const double gain_offset = var_offset_ / total;
    const double gain_freq = covariance_ / total;
    offset_ = predicted + gain_offset * innovation;
    freq_ = std::clamp(freq_ + gain_freq * innovation, -kFreqMax, kFreqMax);
    var_freq_ -= gain_freq * covariance_;
    covariance_ *= 1 - gain_offset;
    var_offset_ *= 1 - gain_offset;
    at_ = std::max(at_, measurement.at);
    const double whole = std::floor(offset_);
    base_ = Duration{saturate(Int128{base_.count()} + static_cast<std::int64_t>(whole))};
    offset_ -= whole;
    return true;
}

std::optional<Estimate> OffsetEstimator::predict(RawTime at) const {
    if (!started_) return std::nullopt;
    const double dt = seconds_between(at_, at);
    const double ahead = std::clamp(offset_ + freq_ * dt, -4e18, 4e18);
    Estimate estimate;
    estimate.at = at;
    estimate.offset = Duration{saturate(Int128{base_.count()} + std::llround(ahead))};
    estimate.freq_ppb = freq_;
    estimate.freq_bound_ppb = freq_bound();
    estimate.offset_stddev_ns =
        std::sqrt(std::max(0.0, var_offset_ + 2 * dt * covariance_ + dt * dt * var_freq_));
    estimate.freq_stddev_ppb = std::sqrt(std::max(0.0, var_freq_));
    return estimate;
}

}  // namespace berkeley
