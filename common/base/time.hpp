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

/// We take a message's receive stamp before we ask libzmq for it, so the stamp may be this much too early.
inline constexpr Duration kReceiveDoubt = std::chrono::microseconds{5};

/// The receive stamp of a message. We asked libzmq for it at `asked`, and libzmq returned it at `taken`.
/// Taking a message out of a sleeping socket costs a few microseconds, never the same number, and as a rule
/// the message was there before. Where the call took longer than kReceiveDoubt, the message may have come
/// during the call.
constexpr RawTime receive_stamp(RawTime asked, RawTime taken) {
    return taken - asked <= kReceiveDoubt ? asked : taken;
}

}  // namespace berkeley
