#include "base/clock_map.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

constexpr RawTime raw(Duration since_zero) { return RawTime{since_zero}; }
constexpr ClusterTime cluster(Duration since_zero) { return ClusterTime{since_zero}; }

/// 500 ppm, anchored at raw 100 s and cluster 1000 s.
ClockMap slewing(Duration slew, std::int64_t rate_ppb = 0) {
    return ClockMap{.anchor_raw = raw(100s),
                    .anchor_cluster = cluster(1000s),
                    .rate_ppb = rate_ppb,
                    .slew = slew,
                    .slew_rate_ppb = 500'000};
}

TEST(ClockMap, StandsAtItsAnchor) {
    EXPECT_EQ(slewing(1ms).cluster(raw(100s)), cluster(1000s));
    EXPECT_EQ(slewing(1ms).slew_left(raw(100s)), Duration{1ms});
}

TEST(ClockMap, RunsAtItsRate) {
    EXPECT_EQ(slewing(0ns, 30'000).cluster(raw(110s)), cluster(1010s + 300us));
    EXPECT_EQ(slewing(0ns, -30'000).cluster(raw(110s)), cluster(1010s - 300us));
    EXPECT_EQ(slewing(0ns, 30'000).cluster(raw(90s)), cluster(990s - 300us));
}

TEST(ClockMap, SlewOfOneMillisecondAt500PpmTakesTwoSeconds) {
    for (const Duration slew : {Duration{1ms}, Duration{-1ms}}) {
        const ClockMap map = slewing(slew);
        EXPECT_EQ(map.cluster(raw(101s)), cluster(1001s) + slew / 2);
        EXPECT_EQ(map.slew_left(raw(101s)), slew / 2);
        EXPECT_NE(map.slew_left(raw(102s - 1ms)), Duration{0});
        EXPECT_EQ(map.slew_left(raw(102s)), Duration{0});
        EXPECT_EQ(map.cluster(raw(102s)), cluster(1002s) + slew);
        EXPECT_EQ(map.cluster(raw(200s)), cluster(1100s) + slew);
    }
}

TEST(ClockMap, BeforeItsAnchorNothingIsSlewed) {
    EXPECT_EQ(slewing(1ms).cluster(raw(99s)), cluster(999s));
    EXPECT_EQ(slewing(1ms).slew_left(raw(99s)), Duration{1ms});
}

TEST(ClockMap, TargetIsClusterTimeOnceTheSlewingIsDone) {
    const ClockMap map = slewing(-1ms, 20'000);
    for (const Duration t : {Duration{100s}, Duration{101s}, Duration{102s}, Duration{150s}}) {
        EXPECT_EQ(map.target(raw(t)), map.cluster(raw(t)) + map.slew_left(raw(t)));
    }
    EXPECT_EQ(map.target(raw(102s)), map.cluster(raw(102s)));
    EXPECT_EQ(map.target(raw(100s)), cluster(1000s - 1ms));
}

TEST(ClockMap, NeverReadsBelowItsFloor) {
    ClockMap map = slewing(0ns);
    map.floor = cluster(1005s);
    EXPECT_EQ(map.cluster(raw(100s)), cluster(1005s));
    EXPECT_EQ(map.cluster(raw(105s)), cluster(1005s));
    EXPECT_EQ(map.cluster(raw(106s)), cluster(1006s));
}

TEST(ClockMap, RebasedGivesTheSameTimes) {
    Prng prng(1);
    for (int i = 0; i < 2000; ++i) {
        const auto between = [&](double low, double high) {
            return static_cast<std::int64_t>(prng.uniform(low, high));
        };
        const ClockMap map{.anchor_raw = RawTime{Duration{between(-1e15, 1e15)}},
                           .anchor_cluster = ClusterTime{Duration{between(0, 4e18)}},
                           .rate_ppb = between(-1e6, 1e6),
                           .slew = Duration{between(-1e7, 1e7)},
                           .slew_rate_ppb = between(0, 1e6)};
        const RawTime pivot = map.anchor_raw + Duration{between(0, 4e10)};
        const ClockMap rebased = map.rebased(pivot);
        EXPECT_EQ(rebased.anchor_raw, pivot);
        EXPECT_EQ(rebased.cluster(pivot), map.cluster(pivot)) << "map " << i;
        EXPECT_EQ(rebased.target(pivot), map.target(pivot)) << "map " << i;
        // Anchors are whole nanoseconds, so a new one may lose a fraction of one per term.
        const RawTime later = pivot + Duration{between(0, 4e10)};
        EXPECT_LE(rebased.cluster(later) - map.cluster(later), 2ns) << "map " << i;
        EXPECT_GE(rebased.cluster(later) - map.cluster(later), -2ns) << "map " << i;
        EXPECT_LE(rebased.target(later) - map.target(later), 2ns) << "map " << i;
        EXPECT_GE(rebased.target(later) - map.target(later), -2ns) << "map " << i;
    }
}

TEST(ClockMap, RisesWithRawTimeToTheNanosecond) {
    for (const std::int64_t rate : {-kRateMaxPpb, std::int64_t{-50'000}, std::int64_t{0}, kRateMaxPpb}) {
        for (const std::int64_t slew_rate :
             {std::int64_t{0}, std::int64_t{500'000}, std::int64_t{90'909'091}, kSlewRateMaxPpb}) {
            for (const Duration slew : {Duration{-700ns}, Duration{0}, Duration{700ns}}) {
                const ClockMap map{.anchor_raw = raw(5s),
                                   .anchor_cluster = cluster(1000s),
                                   .rate_ppb = rate,
                                   .slew = slew,
                                   .slew_rate_ppb = slew_rate};
                ClusterTime last = map.cluster(raw(5s - 50ns));
                for (Duration t = 5s - 49ns; t < 5s + 20us; t += 1ns) {
                    const ClusterTime now = map.cluster(raw(t));
                    ASSERT_GE(now, last) << "rate " << rate << ", slew " << slew.count() << " at "
                                         << slew_rate << ", at " << (t - 5s).count() << " ns";
                    last = now;
                }
            }
        }
    }
}

TEST(ClockMap, SaturatesInsteadOfWrapping) {
    const ClockMap map{.anchor_raw = from_ns<RawTime>(-kRawTimeMax + 1),
                       .anchor_cluster = from_ns<ClusterTime>(kClusterTimeMax - 1),
                       .rate_ppb = kRateMaxPpb};
    EXPECT_EQ(map.cluster(from_ns<RawTime>(kRawTimeMax - 1)), ClusterTime::max());
}

}  // namespace
}  // namespace berkeley
