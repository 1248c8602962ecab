#include "io/true_map.hpp"

#include "io/clock_page_layout.h"
#include "io/page_words.hpp"

namespace berkeley {

static_assert(FineRate::kBits == BERKELEY_PAGE_RATE_BITS);

ClusterTime TrueMap::cluster(TrueTime t) const {
    berkeley_page words{};
    store_map(words, *this);
    return from_ns<ClusterTime>(berkeley_page_now(&words, to_ns(t)));
}

Duration TrueMap::slew_for() const {
    if (slew == Duration{0}) return Duration{0};
    if (slew_rate.units <= 0) return Duration::max();
    const Int128 size = slew < Duration{0} ? -Int128{slew.count()} : Int128{slew.count()};
    // Rounded up, so that the whole slew is reached by the end and the map does not jump there.
    return Duration{saturate(-floor_div(-(size << FineRate::kBits), slew_rate.units))};
}

FineRate TrueMap::rate_at(TrueTime t) const {
    if (t - anchor_true >= slew_for()) return rate;
    return {slew < Duration{0} ? rate.units - slew_rate.units : rate.units + slew_rate.units};
}

}  // namespace berkeley
