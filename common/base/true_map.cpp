#include "base/true_map.hpp"

#include <algorithm>

namespace berkeley {

ClusterTime TrueMap::cluster(TrueTime t) const {
    const Int128 dt = Int128{to_ns(t)} - to_ns(anchor_true);
    const bool slewing = slew != Duration{0} && dt < slew_for().count();
    // The whole rate is rounded once: two roundings could lose 2 ns while one nanosecond passes.
    const std::int64_t signed_slew_rate = slew < Duration{0} ? -slew_rate.units : slew_rate.units;
    const Int128 rate_now = Int128{rate.units} + (slewing ? signed_slew_rate : 0);
    const Int128 mapped =
        to_ns(anchor_cluster) + dt + (slewing ? 0 : slew.count()) + ((dt * rate_now) >> FineRate::kBits);
    return std::max(floor, from_ns<ClusterTime>(saturate(mapped)));
}

Duration TrueMap::slew_for() const {
    if (slew == Duration{0}) return Duration{0};
    if (slew_rate.units <= 0) return Duration::max();
    const Int128 size = slew < Duration{0} ? -Int128{slew.count()} : Int128{slew.count()};
    // We round up, so that the slew is complete at the end and the map does not jump there.
    return Duration{saturate(-floor_div(-(size << FineRate::kBits), slew_rate.units))};
}

FineRate TrueMap::rate_at(TrueTime t) const {
    if (t - anchor_true >= slew_for()) return rate;
    return {slew < Duration{0} ? rate.units - slew_rate.units : rate.units + slew_rate.units};
}

}  // namespace berkeley
