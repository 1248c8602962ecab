#include "master/inheritance.hpp"

#include <algorithm>
#include <cstdlib>

namespace berkeley {

namespace {

/// A bound in holdover takes this long to reach 100 ms. Over this time cluster time's rate changes by at
/// most a fifth of max-drift.
constexpr Duration kHorizon = std::chrono::seconds{2000};
constexpr int kHorizonShare = 5;
/// By then a member that has applied nothing of this term is not SYNCHRONIZED, or its claim is wrong.
constexpr int kPatience = 2;
/// At once the rate may change by a fiftieth of max-drift.
constexpr int kCreditShare = 50;

}  // namespace

void Inheritance::begin(const Discipline& clock, RawTime now) {
    bound_ = clock.trusted() ? clock.bound(now) : Duration{0};
    at_ = now;
    drift_ppb_ = clock.drift_ppb();
}

Duration Inheritance::bound(RawTime now) const {
    if (bound_ == Duration{0}) return Duration{0};
    return bound_ + Duration{saturate(Int128{(now - at_).count()} * drift_ppb_ / 1'000'000'000)};
}

void Inheritance::update_after_round(Duration adopted, bool all_follow, const Discipline& clock,
                                     RawTime now) {
    if (adopted > Duration{0}) {
        bound_ = adopted;
        at_ = now;
        drift_ppb_ = clock.options().max_drift_ppb;
    } else if (now - at_ > (all_follow ? 1 : kPatience) * clock.valid_for()) {
        bound_ = Duration{0};
    }
}

void RateCredit::begin(RawTime now) {
    at_ = now;
    ppb_ = 0;
}

std::int64_t RateCredit::earn(std::int64_t max_drift_ppb, RawTime now) {
    const auto drift = static_cast<double>(max_drift_ppb);
    const double share = static_cast<double>((now - at_).count()) / static_cast<double>(kHorizon.count());
    ppb_ = std::clamp(ppb_ + drift / kHorizonShare * share, 0.0, drift / kCreditShare);
    at_ = now;
    return static_cast<std::int64_t>(ppb_);
}

void RateCredit::spend(std::int64_t ppb) { ppb_ -= static_cast<double>(std::abs(ppb)); }

}  // namespace berkeley
