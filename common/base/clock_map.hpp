// ClockMap: the affine, slewable map from a node's raw time to cluster time.
//
//   cluster(raw) = max(floor, anchor_cluster + dt + dt * rate / 1e9 + s * min(|slew|, dt * slew_rate / 1e9))
//   with dt = raw - anchor_raw, s the sign of slew, rounded down *once*
//
// The terms of the rate and of the slew must not be rounded separately. Where both fall, each could lose a
// nanosecond while raw time gains one, and the clock would run backward.
//
// *target* time is cluster time as it will be when all slewing is done. Measurements and corrections refer
// to it, so a correction that is still being slewed is never counted twice.
//
// Invariants: slew_rate <= kSlewRateMax and |rate| <= kRateMax, so the map rises with raw time, always.
// Units: ns and ppb. Plain value; thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/int128.hpp"
#include "base/time.hpp"

namespace berkeley {

/// An oscillator that is off by more than 20 % is not treated as a clock.
inline constexpr std::int64_t kRateMaxPpb = 200'000'000;
inline constexpr std::int64_t kSlewRateMaxPpb = 100'000'000;

struct ClockMap {
    RawTime anchor_raw{};
    ClusterTime anchor_cluster{};
    std::int64_t rate_ppb = 0;       ///< cluster seconds gained per 1e9 raw seconds
    Duration slew{0};                ///< the rest still to be added, signed, as of anchor_raw
    std::int64_t slew_rate_ppb = 0;  ///< speed of the slewing, >= 0
    /// Cluster time never reads below this. It keeps the clock monotonic where a new map takes over a little
    /// after its anchor.
    ClusterTime floor = ClusterTime::min();

    /// The unslewed rest at the given raw time, signed.
    constexpr Duration slew_left(RawTime raw) const { return target(raw) - running(raw); }

    constexpr ClusterTime cluster(RawTime raw) const { return std::max(floor, running(raw)); }

    constexpr ClusterTime target(RawTime raw) const { return at(raw, rate_ppb, slew); }

    /// The same map with its anchor moved to the given raw time.
    constexpr ClockMap rebased(RawTime raw) const {
        ClockMap result = *this;
        result.anchor_raw = raw;
        result.anchor_cluster = running(raw);
        result.slew = slew_left(raw);
        return result;
    }

    friend constexpr bool operator==(const ClockMap&, const ClockMap&) = default;

private:
    /// The line through the anchor at the given rate, `plus` above it.
    constexpr ClusterTime at(RawTime raw, std::int64_t ppb, Duration plus) const {
        const Int128 dt = Int128{to_ns(raw)} - to_ns(anchor_raw);
        const Int128 gained = dt + floor_div(dt * ppb, 1'000'000'000) + plus.count();
        return from_ns<ClusterTime>(saturate(Int128{to_ns(anchor_cluster)} + gained));
    }

    /// Cluster time without the floor: on the slewing line until that meets the target's.
    constexpr ClusterTime running(RawTime raw) const {
        if (raw <= anchor_raw) return at(raw, rate_ppb, Duration{0});
        return slew > Duration{0} ? std::min(target(raw), at(raw, rate_ppb + slew_rate_ppb, Duration{0}))
                                  : std::max(target(raw), at(raw, rate_ppb - slew_rate_ppb, Duration{0}));
    }
};

}  // namespace berkeley
