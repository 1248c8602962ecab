// One probe's four stamps and what Cristian's method makes of them (Cristian, "Probabilistic clock
// synchronization", 1989; the symmetric form is NTP's, RFC 5905 section 8).
//
//   master   t1 ---\              /--> t4        offset = ((t2 - t1) + (t3 - t4)) / 2   slave minus master
//   slave           \--> t2 -- t3 /              delay  = (t4 - t1) - (t3 - t2)
//
// The true offset lies within offset +- (delay / 2 + kReceiveDoubt), whatever the two ways' shares are.
// Offsets of raw clocks may be 1e18 ns, so they stay integers. Plain values; thread-safe.
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

/// Requires nothing of the stamps: those that cannot be true give an error (`insane`: outside
/// kRawTimeMax, `reversed`: t3 < t2 or t4 < t1, `residence`: longer in the slave than on the whole trip).
/// A residence up to `slack` longer than the trip is forgiven as delay 0 (clocks of finite grain and
/// different rate).
tl::expected<Sample, StampError> cristian(const ProbeStamps& stamps, Duration slack = Duration{100});

}  // namespace berkeley
