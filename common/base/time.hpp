// Time types of Berkeley. Three clocks exist and never mix: subtracting across them does not compile.
//
//   RawClock      a node's undisciplined oscillator: CLOCK_MONOTONIC_RAW plus the injected error.
//                 Timers and measurements run on it.
//   ClusterClock  what the cluster agrees on, nanoseconds since the Unix epoch by convention of the
//                 first clocks that joined (nobody checks it against UTC).
//   TrueClock     the machine's CLOCK_MONOTONIC_RAW without injection. Only shells, the clock page and
//                 tests see it; a core never does.
//
// All are signed 64-bit nanoseconds. Plain values; thread-safe.
#pragma once

#include <chrono>
#include <cstdint>

namespace berkeley {

using Duration = std::chrono::nanoseconds;

template <class Tag>
struct TaggedClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = Duration;
    using time_point = std::chrono::time_point<TaggedClock>;
    static constexpr bool is_steady = true;
};

using RawClock = TaggedClock<struct RawClockTag>;
using ClusterClock = TaggedClock<struct ClusterClockTag>;
using TrueClock = TaggedClock<struct TrueClockTag>;

using RawTime = RawClock::time_point;
using ClusterTime = ClusterClock::time_point;
using TrueTime = TrueClock::time_point;

template <class Point>
constexpr Point from_ns(std::int64_t ns) {
    return Point{Duration{ns}};
}

template <class Clock>
constexpr std::int64_t to_ns(std::chrono::time_point<Clock, Duration> t) {
    return t.time_since_epoch().count();
}

/// Raw times on the wire lie in (-kRawTimeMax, kRawTimeMax): 73 years, so that the difference of any two
/// fits in 63 bits with room to spare.
inline constexpr std::int64_t kRawTimeMax = std::int64_t{1} << 61;
/// Cluster times on the wire lie in [0, kClusterTimeMax): the years 1970 to 2116.
inline constexpr std::int64_t kClusterTimeMax = std::int64_t{1} << 62;

constexpr bool is_sane(RawTime t) { return to_ns(t) > -kRawTimeMax && to_ns(t) < kRawTimeMax; }
constexpr bool is_sane(ClusterTime t) { return to_ns(t) >= 0 && to_ns(t) < kClusterTimeMax; }

/// A message's receive stamp is taken before libzmq is asked for it, and may be earlier than its arrival by
/// so much.
inline constexpr Duration kReceiveDoubt = std::chrono::microseconds{5};

/// When a message was received: libzmq was asked for it at one time, and had handed it out at the other.
/// Taking one out of a socket that slept costs some microseconds, never the same, and as a rule it was there
/// before. Where that took longer, it may as well have come meanwhile.
constexpr RawTime receive_stamp(RawTime asked, RawTime taken) {
    return taken - asked <= kReceiveDoubt ? asked : taken;
}

}  // namespace berkeley
