#include "os/os_clock.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(OsClock, InjectedDriftMakesRawTimeRunFastOrSlow) {
    const TrueTime start = from_ns<TrueTime>(1'000'000'000'000);
    for (const double ppm : {-50.0, 0.0, 30.0, 100'000.0}) {
        const OsClock clock(ppm, start);
        EXPECT_EQ(to_ns(clock.raw(start)), to_ns(start));
        const Duration gained = clock.raw(start + seconds{100}) - clock.raw(start) - seconds{100};
        EXPECT_NEAR(static_cast<double>(gained.count()), ppm * 1e5, 2.0) << ppm;
    }
}

TEST(OsClock, TrueTimeIsTheEarliestThatReadsTheRawTime) {
    const TrueTime start = from_ns<TrueTime>(1'000'000'000'000);
    for (const double ppm : {-50.0, 0.0, 30.0, 100'000.0}) {
        const OsClock clock(ppm, start);
        for (std::int64_t i = 0; i < 2'000; ++i) {
            const RawTime raw = clock.raw(start) + Duration{i * 7919};
            const TrueTime at = clock.true_time(raw);
            ASSERT_GE(clock.raw(at), raw);
            ASSERT_LT(clock.raw(at - Duration{1}), raw);
        }
    }
}

TEST(OsClock, MapOnTrueTimeReadsTheSameAsTheNodesOwn) {
    const TrueTime start = from_ns<TrueTime>(1'000'000'000'000);
    const OsClock clock(-37.5, start);
    ClockMap map;
    map.anchor_raw = clock.raw(start + seconds{3});
    map.anchor_cluster = from_ns<ClusterTime>(1'767'225'600'000'000'000);
    map.rate_ppb = 41'234;
    map.slew = -milliseconds{2};
    map.slew_rate_ppb = 500'000;
    const TrueMap page = clock.on_true(map);
    for (int i = 0; i < 1'000; ++i) {
        const TrueTime t = start + seconds{3} + milliseconds{i * 10};
        const Duration difference = page.cluster(t) - map.cluster(clock.raw(t));
        ASSERT_LE(std::chrono::abs(difference).count(), 2) << i;
    }
}

TEST(OsClock, MapOnRawTimeLeadsBackToTheSameTrueTime) {
    const OsClock clock(40, from_ns<TrueTime>(1'000'000'000));
    TrueMap map;
    map.anchor_true = from_ns<TrueTime>(5'000'000'000);
    map.anchor_cluster = from_ns<ClusterTime>(1'767'225'600'000'000'000);
    map.rate = FineRate::from_ppb(-12'345);
    const ClockMap raw = clock.on_raw(map);
    for (const std::int64_t s : {5, 6, 60}) {
        const TrueTime t = from_ns<TrueTime>(s * 1'000'000'000);
        const Duration apart = raw.cluster(clock.raw(t)) - map.cluster(t);
        EXPECT_LE(std::abs(apart.count()), s + 2) << "1 ns a second";
    }
}

TEST(SuspendDetector, TellsASuspendFromAPreemption) {
    SuspendDetector detector;
    using Reading = SuspendDetector::Reading;
    EXPECT_EQ(detector.update(Reading{seconds{10}, seconds{15}, seconds{10}}), Duration{0})
        << "asleep before";
    EXPECT_EQ(detector.update(Reading{seconds{11}, seconds{16}, seconds{11}}), Duration{0});
    // Preempted for 300 ms between two readings: no sleep is certain.
    EXPECT_EQ(detector.update(
                  Reading{seconds{12}, seconds{17} + milliseconds{300}, seconds{12} + milliseconds{300}}),
              Duration{0});
    const Duration slept =
        detector.update(Reading{seconds{13}, seconds{78} + milliseconds{300}, seconds{13}});
    EXPECT_GE(slept, seconds{59});
    EXPECT_LE(slept, seconds{61});
}

}  // namespace
}  // namespace berkeley
