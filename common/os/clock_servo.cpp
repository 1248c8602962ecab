#include "os/clock_servo.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace berkeley {

namespace {

/// An oscillator is never that far off the kernel's idea of it: somebody else moved the clock meanwhile.
constexpr double kOwnRateMaxPpm = 200;
/// A rate measured over less would be the noise of reading two clocks.
constexpr Duration kRateWindow = std::chrono::milliseconds{900};
/// After a longer silence (a stopped process) nothing is known of the time between.
constexpr Duration kGapMax = std::chrono::seconds{64};
/// An early update at the end of a slew is worth its call only when it comes this much later.
constexpr Duration kSoonest = std::chrono::milliseconds{50};
/// How much of a difference between the expected and the seen clock may be rate and not movement.
constexpr double kRateDoubtPpm = 500;
constexpr double kDeviationGain = 1.0 / 16;

double count(Duration duration) { return static_cast<double>(duration.count()); }

Duration ns(double value) { return Duration{std::llround(value)}; }

Duration residual_of(const ClockObservation& seen, const TrueMap& map) {
    return map.cluster(seen.at).time_since_epoch() - Duration{seen.realtime_ns};
}

/// Where the map leads once its slewing is done.
Duration target_residual(const ClockObservation& seen, const TrueMap& map) {
    TrueMap done = map;
    done.slew_rate = FineRate{};
    done.anchor_cluster += done.slew;
    done.slew = Duration{0};
    done.floor = ClusterTime::min();
    return residual_of(seen, done);
}

}  // namespace

double ClockServo::own_ppm() const {
    const std::size_t n = std::min(rates_count_, kRates);
    if (n == 0) return 0;
    std::array<double, kRates> sorted = rates_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(n / 2);
    std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(n));
    return *middle;
}

/// A machine that slept jumps in its own time and in CLOCK_REALTIME alike: nobody moved the clock then.
Duration ClockServo::moved_since_last(const ClockObservation& seen, bool jumped) {
    if (!last_ || jumped) {
        forget_rate_window();
        return Duration{0};
    }
    const Duration since = seen.at - last_->at;
    if (since < Duration{0} || since > kGapMax) {
        forget_rate_window();
        return Duration{0};
    }
    const double gained = count(since) * (set_ppm_ + own_ppm()) * 1e-6;
    if (window_) window_->expected_ns += count(since) * set_ppm_ * 1e-6;
    const Duration moved = Duration{seen.realtime_ns - last_->realtime_ns} - since - ns(gained);
    const Duration doubt = options_.moved_min + ns(count(since) * kRateDoubtPpm * 1e-6);
    return std::chrono::abs(moved) > doubt ? moved : Duration{0};
}

bool ClockServo::calls_for_step(Duration moved) const {
    const Duration slewed = ns(count(options_.patience) * options_.pull_max_ppm * 1e-6);
    return std::chrono::abs(moved) > std::min(options_.step_threshold, options_.error_max + slewed);
}

void ClockServo::measure_own_rate(const ClockObservation& seen, bool moved) {
    if (moved) forget_rate_window();
    if (!window_) {
        window_ = Window{seen, 0};
        return;
    }
    const Duration since = seen.at - window_->begin.at;
    if (since < kRateWindow) return;
    const Duration real = Duration{seen.realtime_ns - window_->begin.realtime_ns} - since;
    const double rate = (count(real) - window_->expected_ns) / count(since) * 1e6;
    if (std::abs(rate) <= kOwnRateMaxPpm) rates_[rates_count_++ % kRates] = rate;
    window_ = Window{seen, 0};
}

TrueTime ClockServo::next_update(const TrueMap& map, TrueTime now) const {
    const TrueTime usual = now + options_.update_every;
    const Duration slew_for = map.slew_for();
    if (slew_for == Duration{0} || slew_for > std::chrono::hours{24 * 365}) return usual;
    const TrueTime slew_end = map.anchor_true + slew_for;
    return slew_end > now && slew_end < usual ? std::max(slew_end, now + kSoonest) : usual;
}

ServoPlan ClockServo::follow(const ClockObservation& seen, const TrueMap& map, std::uint64_t jumps) {
    ServoPlan plan;
    plan.residual = residual_of(seen, map);
    const bool map_stepped = jumps_ != jumps;
    plan.moved = moved_since_last(seen, map_stepped);
    measure_own_rate(seen, plan.moved != Duration{0});
    step_due_ = step_due_ || map_stepped || calls_for_step(plan.moved);
    jumps_ = jumps;
    map_ppm_ = map.rate.ppb() / 1e3;
    plan.plain_ppm = plain_ppm();
    plan.next = next_update(map, seen.at);
    last_ = seen;
    if (std::exchange(step_due_, false) && std::chrono::abs(plan.residual) >= options_.step_min) {
        plan.step = plan.residual;
        plan.frequency_ppm = plan.plain_ppm;
        last_.reset();
        forget_rate_window();
        return plan;
    }
    const Duration horizon = plan.next - seen.at;
    const Duration gained = map.cluster(plan.next) - map.cluster(seen.at) - horizon;
    const double wanted_pull = count(plan.residual) / count(options_.time_constant) * 1e6;
    const double pull = std::clamp(wanted_pull, -options_.pull_max_ppm, options_.pull_max_ppm);
    plan.pull_limited = pull != wanted_pull;
    plan.frequency_ppm = count(gained) / count(horizon) * 1e6 - own_ppm() + pull;
    const double error = count(target_residual(seen, map));
    mean_square_ns_ += (error * error - mean_square_ns_) * kDeviationGain;
    plan.deviation = ns(std::sqrt(mean_square_ns_));
    return plan;
}

ServoPlan ClockServo::coast(const ClockObservation& seen, std::uint64_t jumps) {
    ServoPlan plan;
    plan.moved = moved_since_last(seen, jumps_ != jumps);
    measure_own_rate(seen, plan.moved != Duration{0});
    step_due_ = step_due_ || calls_for_step(plan.moved);
    plan.frequency_ppm = plan.plain_ppm = plain_ppm();
    plan.next = seen.at + options_.update_every;
    last_ = seen;
    return plan;
}

}  // namespace berkeley
