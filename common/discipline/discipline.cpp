#include "discipline/discipline.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace berkeley {

namespace {

Duration magnitude(Duration d) { return d < Duration{0} ? -d : d; }

}  // namespace

Discipline::Discipline(const DisciplineOptions& options, RawTime now, ClusterTime initial,
                       const SavedRate& rate)
    : options_(options),
      drift_ppb_(options.max_drift_ppb + std::clamp<std::int64_t>(rate.skew_ppb, 0, kRateMaxPpb)),
      measured_at_(now),
      applied_at_(now) {
    map_.anchor_raw = now;
    map_.anchor_cluster = initial;
    map_.rate_ppb = std::clamp(rate.ppb, -kRateMaxPpb, kRateMaxPpb);
    map_.slew_rate_ppb = options_.max_slew_ppb;
}

bool Discipline::resume(const ResumedClock& clock, RawTime now) {
    Discipline resumed = *this;
    resumed.map_ = clock.map;
    resumed.map_.rate_ppb = std::clamp(clock.map.rate_ppb, -kRateMaxPpb, kRateMaxPpb);
    resumed.map_.slew_rate_ppb = options_.max_slew_ppb;
    resumed.map_ = resumed.map_.rebased(now);
    resumed.bound_ = std::max(clock.bound - options_.granularity, Duration{0});
    resumed.drift_ppb_ = std::max(options_.max_drift_ppb, clock.drift_ppb);
    resumed.measured_at_ = std::min(clock.measured_at, now);
    resumed.status_ = ClockStatus::holdover;
    resumed.ever_synchronized_ = true;
    if (resumed.bound(now) > options_.max_bound) return false;
    *this = resumed;
    return true;
}

AdjustResult Discipline::apply(const Adjustment& adjustment, RawTime now) {
    const Duration size = magnitude(adjustment.correction);
    if (ever_synchronized_ && !lost_ && size > options_.max_correction) {
        // Either this clock or the master is wrong. In both cases this clock no longer reads what others
        // read.
        status_ = ClockStatus::unsynchronized;
        return {Applied::refused, "the correction exceeds --max-correction"};
    }
    ClockMap next = map_.rebased(now);
    next.rate_ppb = std::clamp(next.rate_ppb + adjustment.freq_ppb, -kRateMaxPpb, kRateMaxPpb);
    const bool step = would_step(adjustment.correction, now);
    if (step) {
        const ClusterTime stepped = next.target(now) + adjustment.correction;
        if (!is_sane(stepped)) {
            return {Applied::refused, "the corrected time would lie outside the years 1970 to 2116"};
        }
        next.anchor_cluster = stepped;
        next.slew = Duration{0};
        ++jumps_;
        if (ever_synchronized_) ++disruptions_;
    } else {
        next.slew += adjustment.correction;
    }
    map_ = next;
    // This clock ran on at its old rate after the correction was made.
    const Duration late = now > adjustment.measured_at ? now - adjustment.measured_at : Duration{0};
    bound_ = adjustment.bound +
             Duration{saturate(Int128{late.count()} * std::abs(adjustment.freq_ppb) / 1'000'000'000)};
    drift_ppb_ = std::max(options_.max_drift_ppb, adjustment.drift_ppb);
    measured_at_ = adjustment.measured_at;
    applied_at_ = now;
    // A step of a synchronised clock is a disruption: readers see the status leave SYNCHRONIZED. The next
    // small correction restores it.
    if (step && ever_synchronized_ && !lost_) {
        status_ = ClockStatus::disrupted;
    } else {
        status_ = bound(now) <= options_.max_bound ? ClockStatus::synchronized : ClockStatus::unsynchronized;
        ever_synchronized_ = ever_synchronized_ || status_ == ClockStatus::synchronized;
    }
    lost_ = false;
    return {step ? Applied::step : Applied::slew, {}};
}

bool Discipline::would_step(Duration correction, RawTime now) const {
    if (!ever_synchronized_ || lost_ || magnitude(correction) > options_.step_threshold) return true;
    // All that is not slewed yet counts into the bound.
    const Int128 unslewed = Int128{map_.slew_left(now).count()} + correction.count();
    const Int128 above = (unslewed < 0 ? -unslewed : unslewed) - options_.max_bound.count();
    return above * 1'000'000'000 > Int128{kSlewMax.count()} * options_.max_slew_ppb;
}

bool Discipline::tick(RawTime now) {
    const ClockStatus before = status_;
    if (status_ == ClockStatus::synchronized && now - applied_at_ > valid_for_) {
        status_ = ClockStatus::holdover;
    }
    if (trusted() && bound(now) > options_.max_bound) status_ = ClockStatus::unsynchronized;
    return status_ != before;
}

void Discipline::disrupt() {
    ++disruptions_;
    ++jumps_;
    lost_ = true;
    status_ = ever_synchronized_ ? ClockStatus::disrupted : ClockStatus::unsynchronized;
}

Duration Discipline::bound(RawTime now) const {
    if (bound_ >= kUnknownBound) return kUnknownBound;
    const Duration total =
        bound_ + magnitude(map_.slew_left(now)) + drift_since(measured_at_, now) + options_.granularity;
    return std::min(total, kUnknownBound);
}

Duration Discipline::drift_since(RawTime then, RawTime now) const {
    if (now <= then) return Duration{0};
    return Duration{saturate(Int128{(now - then).count()} * drift_ppb_ / 1'000'000'000 + 1)};
}

Duration Discipline::reach() const {
    const Duration room = std::max(Duration{0}, options_.max_bound - measurement_bound());
    if (drift_ppb_ == 0) return Duration::max();
    return Duration{saturate(Int128{room.count()} * 1'000'000'000 / drift_ppb_)};
}

RawTime Discipline::next_deadline() const {
    if (!trusted()) return RawTime::max();
    const Duration left = reach();
    const RawTime bound_at =
        left == Duration::max() ? RawTime::max() : measured_at_ + left + std::chrono::milliseconds{1};
    return status_ == ClockStatus::synchronized ? std::min(applied_at_ + valid_for_ + Duration{1}, bound_at)
                                                : bound_at;
}

}  // namespace berkeley
