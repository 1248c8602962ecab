#include "sim/oscillator.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace berkeley::sim {

Oscillator::Oscillator(OscillatorModel model, Duration base, std::uint64_t seed)
    : model_(std::move(model)), prng_(seed), raw_at_(base.count()) {
    begin_tick();
}

void Oscillator::begin_tick() {
    const double seconds = static_cast<double>(kTick.count()) * 1e-9;
    if (model_.wander_ppb > 0) walk_ppb_ += model_.wander_ppb * std::sqrt(seconds) * prng_.normal();
    while (steps_done_ < model_.steps.size() && model_.steps[steps_done_].at <= tick_at_) {
        stepped_ppb_ += model_.steps[steps_done_++].ppb;
    }
    double ppb = model_.ppm * 1e3 + walk_ppb_ + stepped_ppb_;
    if (model_.sine_ppb > 0) {
        const double turns =
            static_cast<double>(to_ns(tick_at_)) / static_cast<double>(model_.sine_period.count());
        ppb += model_.sine_ppb * std::sin(6.283185307179586 * (turns + model_.sine_phase));
    }
    rate_ = ppb * 1e-9;
}

void Oscillator::advance(TrueTime now) {
    assert(now >= tick_at_);
    while (now - tick_at_ >= kTick) {
        const double gained = static_cast<double>(kTick.count()) * rate_ + fraction_;
        const double whole = std::floor(gained);
        raw_at_ += kTick.count() + static_cast<std::int64_t>(whole);
        fraction_ = gained - whole;
        tick_at_ += kTick;
        begin_tick();
    }
}

RawTime Oscillator::raw(TrueTime now) {
    now = std::max(now, suspended_until_);
    advance(now);
    const Duration dt = now - tick_at_;
    const double gained = std::floor(static_cast<double>(dt.count()) * rate_ + fraction_);
    return from_ns<RawTime>(saturate(raw_at_ + dt.count() + static_cast<std::int64_t>(gained)));
}

TrueTime Oscillator::when(RawTime raw, TrueTime now) {
    if (raw == RawTime::max()) return TrueTime::max();
    now = std::max(now, suspended_until_);
    advance(now);
    const Int128 ahead = Int128{to_ns(raw)} - raw_at_;
    const double wait = std::ceil((static_cast<double>(ahead) - fraction_) / (1.0 + rate_));
    if (wait > 9e18) return TrueTime::max();
    return from_ns<TrueTime>(saturate(Int128{to_ns(tick_at_)} + static_cast<std::int64_t>(wait)));
}

Duration Oscillator::stood_still(TrueTime now) const {
    if (suspended_at_ == TrueTime::min()) return Duration{0};
    return suspended_before_ + (std::min(now, suspended_until_) - suspended_at_);
}

void Oscillator::suspend(TrueTime now, TrueTime end) {
    // The clock has run until now. We take the time until `end` back from what it will have gained by then.
    const RawTime before = raw(now);
    suspended_before_ = stood_still(now);
    suspended_at_ = now;
    suspended_until_ = end;
    const RawTime then = raw(end);
    raw_at_ -= (then - before).count();
}

}  // namespace berkeley::sim
