#include "estimate/burst.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/prng.hpp"

namespace berkeley {
namespace {

Sample sample(std::int64_t at, std::int64_t offset, std::int64_t delay) {
    return {from_ns<RawTime>(at), Duration{offset}, Duration{delay}};
}

TEST(CombineBurst, OfNothingIsNothing) { EXPECT_FALSE(combine_burst({})); }

TEST(CombineBurst, OneProbeIsItsOwnMeasurement) {
    const auto m = combine_burst(std::vector<Sample>{sample(5, 999, 40)});
    ASSERT_TRUE(m);
    EXPECT_EQ(m->at, from_ns<RawTime>(5));
    EXPECT_EQ(m->offset, Duration{999});
    EXPECT_EQ(m->delay, Duration{40});
    EXPECT_EQ(m->samples, 1U);
}

TEST(CombineBurst, WarmupProbesCountForTheIntervalButNotForTheMedian) {
    // The first probe says [-20, 180], the last two say [0, 20] and [5, 25]: [5, 20] is what they share.
    const std::vector<Sample> samples{sample(0, 80, 200), sample(10, 900, 2'000), sample(20, 10, 20),
                                      sample(30, 15, 20)};
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    // Twice the middle (12.5) and once the median of the fastest (10), both of one delay; thirds are cut off.
    EXPECT_EQ(m->offset, Duration{11});
    EXPECT_EQ(m->tightest.delay, Duration{20});
}

TEST(CombineBurst, WayThereAndWayBackMayBeFastestInDifferentProbes) {
    // True offset 0. One probe was fast there (and 90 slow back), the other fast back: alone, each is 45 off.
    std::vector<Sample> samples(2, sample(0, 0, 1'000));
    samples.push_back(sample(10, -45, 110));
    samples.push_back(sample(20, 45, 110));
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    EXPECT_LE(std::abs(m->offset.count()), 15) << "two parts of the middle, 0, one of a median within 45";
    EXPECT_LT(m->delay, Duration{110});
}

TEST(CombineBurst, KnownFrequencyIsTakenOutBeforeProbesAreCompared) {
    // 5 % fast: 50 us gained in the millisecond of the burst, with intervals of 10 us that else share
    // nothing.
    std::vector<Sample> samples;
    for (int i = 0; i < 8; ++i) samples.push_back(sample(i * 125'000, i * 6'250, 10'000));
    const auto m = combine_burst(samples, {.freq_ppb = 50'000'000});
    ASSERT_TRUE(m);
    const double expected = 0.05 * static_cast<double>(to_ns(m->at));
    EXPECT_NEAR(static_cast<double>(m->offset.count()), expected, 2);
}

TEST(CombineBurst, IntervalsThatShareNothingLeaveTheTightest) {
    const std::vector<Sample> samples{sample(0, 0, 100), sample(1, 10, 100), sample(2, 5'000, 30)};
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->offset, Duration{5'000});
    EXPECT_EQ(m->delay, Duration{30});
}

TEST(CombineBurst, DisagreementIsWhatProbesDifferByAndWhatMiddleAndMedianDo) {
    // After two warm-up probes offsets 0, 0, 400, 400, 400, 400: the median deviation is 0, told as 1.
    std::vector<Sample> samples(2, sample(0, 0, 100'000));
    for (const std::int64_t offset : {0, 0, 400, 400, 400, 400}) samples.push_back(sample(1, offset, 10'000));
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    // They share [-4600, 5000], middle 200; the two fastest in order are those at 0: apart by 200.
    EXPECT_EQ(m->disagreement, Duration{201});
}

TEST(CombineBurst, FewProbesTellNoDisagreement) {
    const std::vector<Sample> samples(5, sample(0, 0, 100));
    EXPECT_EQ(combine_burst(samples)->disagreement, Duration{0}) << "three after the warm-up";
    EXPECT_EQ(combine_burst(std::vector<Sample>(6, sample(0, 0, 100)))->disagreement, Duration{1});
}

TEST(CombineBurst, IsUnbiasedUnderSymmetricNoise) {
    constexpr std::uint64_t kSeed = 11;
    Prng prng(kSeed);
    double sum = 0;
    constexpr int kBursts = 20'000;
    for (int i = 0; i < kBursts; ++i) {
        std::vector<Sample> samples;
        for (int k = 0; k < 8; ++k) {
            const double out = prng.exponential(100'000);
            const double back = prng.exponential(100'000);
            samples.push_back(sample(k, std::llround((out - back) / 2), std::llround(200'000 + out + back)));
        }
        sum += static_cast<double>(combine_burst(samples)->offset.count());
    }
    // A burst's deviation is about 25 us: its mean over 20000 bursts is known to 0.2 us.
    EXPECT_LT(std::abs(sum / kBursts), 700.0) << "seed " << kSeed;
}

TEST(CombineBurst, ExtremeOffsetsDoNotOverflow) {
    const std::int64_t far = std::int64_t{1} << 62;
    std::vector<Sample> samples;
    for (int i = 0; i < 8; ++i) samples.push_back(sample(i, i % 2 == 0 ? far : -far, far));
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    EXPECT_LE(std::chrono::abs(m->offset), Duration{far});
    EXPECT_EQ(m->delay, Duration{far});
}

}  // namespace
}  // namespace berkeley
