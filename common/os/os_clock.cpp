#include "os/os_clock.hpp"

#include <time.h>

#include <algorithm>
#include <cassert>
#include <cmath>

#include "base/int128.hpp"

namespace berkeley {

namespace {

constexpr Int128 kOne = Int128{1} << FineRate::kBits;

Duration read_clock(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return std::chrono::seconds{now.tv_sec} + Duration{now.tv_nsec};
}

}  // namespace

TrueTime true_now() { return TrueTime{read_clock(CLOCK_MONOTONIC_RAW)}; }

OsClock::OsClock(double drift_ppm, TrueTime start) : start_(start) {
    assert(std::abs(drift_ppm) <= kInjectedDriftMaxPpm);
    drift_.units = static_cast<std::int64_t>(std::llround(drift_ppm * 1e-6 * 0x1.0p62));
}

RawTime OsClock::raw(TrueTime t) const {
    const Int128 gained = (Int128{(t - start_).count()} * drift_.units) >> FineRate::kBits;
    return from_ns<RawTime>(saturate(Int128{to_ns(t)} + gained));
}

TrueTime OsClock::true_time(RawTime raw_time) const {
    const Int128 since_start = Int128{to_ns(raw_time)} - to_ns(start_);
    // ceil(since_start / (1 + drift)): raw() rounds down.
    const Int128 elapsed = -floor_div(-(since_start << FineRate::kBits), kOne + drift_.units);
    return from_ns<TrueTime>(saturate(Int128{to_ns(start_)} + elapsed));
}

TrueMap OsClock::on_true(const ClockMap& map) const {
    TrueMap result;
    result.anchor_true = true_time(map.anchor_raw);
    // The anchor's true time is rounded: anchor cluster time anew where it really lies. The floor stays
    // out of the anchor.
    ClockMap unfloored = map;
    unfloored.floor = ClusterTime::min();
    const ClockMap here = unfloored.rebased(raw(result.anchor_true));
    result.anchor_cluster = here.anchor_cluster;
    result.rate = FineRate::chained(drift_, FineRate::from_ppb(map.rate_ppb));
    result.slew = here.slew;
    const FineRate slew_rate = FineRate::from_ppb(map.slew_rate_ppb);
    result.slew_rate = {
        static_cast<std::int64_t>((Int128{slew_rate.units} * (kOne + drift_.units)) >> FineRate::kBits)};
    result.floor = map.floor;
    return result;
}

ClockMap OsClock::on_raw(const TrueMap& map) const {
    ClockMap result;
    result.anchor_raw = raw(map.anchor_true);
    result.anchor_cluster = map.anchor_cluster;
    // (1 + rate) / (1 + drift) - 1, in ppb.
    const Int128 units = ((Int128{map.rate.units} - drift_.units) << FineRate::kBits) / (kOne + drift_.units);
    result.rate_ppb =
        static_cast<std::int64_t>((((units * 1'000'000'000) >> (FineRate::kBits - 1)) + 1) >> 1);
    result.slew = map.slew;
    return result;
}

SuspendDetector::Reading SuspendDetector::read() {
    Reading reading;
    reading.monotonic_before = read_clock(CLOCK_MONOTONIC);
    reading.boottime = read_clock(CLOCK_BOOTTIME);
    reading.monotonic_after = read_clock(CLOCK_MONOTONIC);
    return reading;
}

Duration SuspendDetector::update(const Reading& reading) {
    const Duration asleep_low = reading.boottime - reading.monotonic_after;
    const Duration asleep_high = reading.boottime - reading.monotonic_before;
    if (!started_) {
        started_ = true;
        asleep_max_ = asleep_high;
        return Duration{0};
    }
    const Duration slept = asleep_low - asleep_max_;
    if (slept < kSuspendMin) {
        // The tightest reading wins: asleep time is constant between suspends.
        asleep_max_ = std::min(asleep_max_, asleep_high);
        return Duration{0};
    }
    asleep_max_ = asleep_high;
    return slept;
}

}  // namespace berkeley
