// TrueMap: the map from the machine's true raw clock to cluster time, the composition of a node's injected
// error with its ClockMap. What the clock page carries and the system clock follows.
//
// The same formula as the clock page's (clock_page_layout.h, in C), so that the node, its page's readers and
// the system clock agree to the nanosecond; a test holds the two together. Plain values; thread-safe.
#pragma once

#include <cstdint>

#include "base/int128.hpp"
#include "base/time.hpp"

namespace berkeley {

/// A relative rate in units of 2^-62: fine enough that rounding costs less than 1 ns in a century, and
/// applied by one multiplication and one shift.
struct FineRate {
    static constexpr int kBits = 62;

    std::int64_t units = 0;

    /// Requires: |ppb| <= kRateMaxPpb.
    static constexpr FineRate from_ppb(std::int64_t ppb) {
        // 2e8 * 2^62 < 2^90: exact in 128 bits.
        return {static_cast<std::int64_t>(floor_div(Int128{ppb} << kBits, 1'000'000'000))};
    }

    /// (1 + a)(1 + b) - 1: the rates of two clocks in a row.
    static constexpr FineRate chained(FineRate a, FineRate b) {
        return {a.units + b.units + static_cast<std::int64_t>((Int128{a.units} * b.units) >> kBits)};
    }

    constexpr double ppb() const { return static_cast<double>(units) / 0x1.0p62 * 1e9; }

    friend constexpr bool operator==(FineRate, FineRate) = default;
};

struct TrueMap {
    TrueTime anchor_true{};
    ClusterTime anchor_cluster{};
    FineRate rate{};       ///< cluster seconds gained per true second
    Duration slew{0};      ///< what is still to be added, signed, as of the anchor
    FineRate slew_rate{};  ///< speed of the slewing, >= 0
    ClusterTime floor = ClusterTime::min();

    ClusterTime cluster(TrueTime t) const;

    /// How long after the anchor the slewing ends; 0 without slew. A slew without a rate never ends.
    Duration slew_for() const;

    /// The rate at that time, slewing included.
    FineRate rate_at(TrueTime t) const;

    friend constexpr bool operator==(const TrueMap&, const TrueMap&) = default;
};

}  // namespace berkeley
