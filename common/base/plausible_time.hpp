// Plausible times: what a machine's clock can show before anybody has set it right. A real-time clock whose
// battery is empty starts in 1970 or in the year of its making, and a broken one beyond this century.
// Stateless.
#pragma once

#include "base/time.hpp"

namespace berkeley {

/// The month of this release: no clock that is right shows an earlier time. 2026-11-01.
inline constexpr ClusterTime kReleased = from_ns<ClusterTime>(1'793'491'200'000'000'000);
/// 2100-01-01.
inline constexpr ClusterTime kFarFuture = from_ns<ClusterTime>(4'102'444'800'000'000'000);

constexpr bool is_plausible(ClusterTime time) { return time >= kReleased && time < kFarFuture; }

}  // namespace berkeley
