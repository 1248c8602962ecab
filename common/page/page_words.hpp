// Between the C++ types and the clock page's words. Private to common/page. Stateless.
#pragma once

#include <cstdint>

#include "base/true_map.hpp"
#include "page/clock_page_layout.h"

namespace berkeley {

inline void store_map(berkeley_page& words, const TrueMap& map) {
    const auto put = [&words](berkeley_page_word index, std::int64_t value) {
        words.word[index] = static_cast<std::uint64_t>(value);
    };
    const bool slewing = map.slew != Duration{0};
    put(BERKELEY_PAGE_ANCHOR_TRUE, to_ns(map.anchor_true));
    put(BERKELEY_PAGE_ANCHOR_CLUSTER, to_ns(map.anchor_cluster));
    put(BERKELEY_PAGE_RATE, map.rate.units);
    put(BERKELEY_PAGE_SLEW, map.slew.count());
    put(BERKELEY_PAGE_SLEW_RATE, slewing ? map.slew_rate.units : 0);
    put(BERKELEY_PAGE_SLEW_FOR, map.slew_for().count());
    put(BERKELEY_PAGE_FLOOR, to_ns(map.floor));
}

}  // namespace berkeley
