// Sample: one probe's four stamps, and the offset and delay that follow from them by Cristian's method
// (Cristian, "Probabilistic clock synchronization", 1989; the symmetric form is NTP's, RFC 5905 section 8).
//
//   master   t1 ---\              /--> t4        offset = ((t2 - t1) + (t3 - t4)) / 2   slave minus master
//   slave           \--> t2 -- t3 /              delay  = (t4 - t1) - (t3 - t2)
//
// The true offset lies within offset +- (delay / 2 + kReceiveDoubt), however the delay is shared between the
// two ways. Offsets of raw clocks may be 1e18 ns, so they stay integers. Plain values; thread-safe.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley {

struct ProbeStamps {
    RawTime t1{};  ///< master, right before the POLL was sent
    RawTime t2{};  ///< slave, when it was received; early by up to kReceiveDoubt
    RawTime t3{};  ///< slave, right before the REPLY was sent
    RawTime t4{};  ///< master, when it was received; early by up to kReceiveDoubt
};

struct Sample {
    RawTime at{};        ///< master's raw time in the middle of the exchange
    Duration offset{0};  ///< slave's raw clock minus master's
    Duration delay{0};
};

enum class StampError : std::uint8_t { insane, reversed, residence };

/// Accepts any stamps. Stamps that cannot be true give an error: `insane`: outside kRawTimeMax; `reversed`:
/// t3 < t2 or t4 < t1; `residence`: the slave held the probe for longer than the whole trip took. A
/// residence up to `slack` longer than the trip counts as delay 0, because clocks have a finite grain and
/// different rates.
tl::expected<Sample, StampError> cristian(const ProbeStamps& stamps, Duration slack = Duration{100});

}  // namespace berkeley
