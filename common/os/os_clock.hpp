// The machine's clocks as a node sees them: true raw time, the node's own raw time with the injected error,
// and whether the machine has slept.
//
//   raw(true) = true + drift * (true - start)
//
// `--clock-drift` enters here. `--clock-offset` does not: it belongs to the cluster time with which the node
// starts. All processes of a machine share true time, so a demonstration knows its true error. OsClock is
// immutable and thread-safe.
#pragma once

#include <cstdint>

#include "base/clock_map.hpp"
#include "base/raw_source.hpp"
#include "base/time.hpp"
#include "base/true_map.hpp"

namespace berkeley {

/// CLOCK_MONOTONIC_RAW.
TrueTime true_now();

inline constexpr double kInjectedDriftMaxPpm = 100'000;

class OsClock {
public:
    /// Requires: |drift_ppm| <= kInjectedDriftMaxPpm (configuration checks it).
    explicit OsClock(double drift_ppm = 0, TrueTime start = true_now());

    RawTime now() const { return raw(true_now()); }

    RawTime raw(TrueTime t) const;

    /// The earliest true time at which raw() reads at least `raw`.
    TrueTime true_time(RawTime raw) const;

    /// The same clock on true raw time: equal to map.cluster(raw(t)) within 2 ns (each side rounds).
    TrueMap on_true(const ClockMap& map) const;

    /// The way back: the map of this clock's raw time that agrees with `map` from its anchor on, within 1
    /// ppb.
    ClockMap on_raw(const TrueMap& map) const;

private:
    FineRate drift_;
    TrueTime start_;
};

/// Requires: the clock outlives the source.
inline RawSource raw_source(const OsClock& clock) {
    return {[](const void* context) { return static_cast<const OsClock*>(context)->now(); }, &clock};
}

/// Tells that the machine was suspended: CLOCK_BOOTTIME goes on, CLOCK_MONOTONIC stands still. Not
/// thread-safe.
class SuspendDetector {
public:
    /// CLOCK_BOOTTIME between two readings of CLOCK_MONOTONIC: a preemption between the readings widens the
    /// bracket, so it does not look like a suspend.
    struct Reading {
        Duration monotonic_before{0};
        Duration boottime{0};
        Duration monotonic_after{0};
    };

    static Reading read();

    explicit SuspendDetector(Reading (*source)() = &read) : source_(source) {}

    /// How long the machine certainly slept since the last update; 0 at the first, and for less than
    /// kSuspendMin.
    Duration update(const Reading& reading);
    Duration update() { return update(source_()); }

    static constexpr Duration kSuspendMin = std::chrono::milliseconds{1};

private:
    Reading (*source_)();
    bool started_ = false;
    Duration asleep_max_{0};  ///< upper bound of BOOTTIME - MONOTONIC so far
};

}  // namespace berkeley
