// TrueMap: the map from the machine's true raw clock to cluster time. It composes a node's injected error
// with its ClockMap. The clock page carries it, and the system clock follows it.
//
// The formula is the clock page's (clock_page_layout.h, in C), so the node, the readers of its page and the
// system clock agree to the nanosecond; a test compares the two. Plain values; thread-safe.
#pragma once

#include <cstdint>

#include "base/int128.hpp"
#include "base/time.hpp"

namespace berkeley {

/// A relative rate in units of 2^-62. Rounding costs less than 1 ns in a century, and one multiplication and
/// one shift apply it.
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
    Duration slew{0};      ///< the rest still to be added, signed, as of the anchor
    FineRate slew_rate{};  ///< speed of the slewing, >= 0
    ClusterTime floor = ClusterTime::min();

    ClusterTime cluster(TrueTime t) const;

    /// The time from the anchor to the end of the slewing; 0 without slew. A slew without a rate never ends.
    Duration slew_for() const;

    /// The rate at that time, slewing included.
    FineRate rate_at(TrueTime t) const;

    friend constexpr bool operator==(const TrueMap&, const TrueMap&) = default;
};

}  // namespace berkeley
