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

TEST(CombineBurst, WarmupProbesDoNotCountHoweverFast) {
    const std::vector<Sample> samples{sample(0, 999, 1), sample(1, 888, 2), sample(2, 10, 100)};
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->offset, Duration{10});
    EXPECT_EQ(m->delay, Duration{100});
    EXPECT_EQ(m->tightest.delay, Duration{1}) << "of the whole burst";
    EXPECT_EQ(m->samples, 3U);
}

TEST(CombineBurst, OfWarmupProbesAloneTheLastServes) {
    const std::vector<Sample> samples{sample(0, 999, 1), sample(1, 888, 2)};
    ASSERT_TRUE(combine_burst(samples));
    EXPECT_EQ(combine_burst(samples)->offset, Duration{888});
    EXPECT_EQ(combine_burst(std::span{samples}.first(1))->offset, Duration{999});
}

TEST(CombineBurst, TakesTheMedianOffsetOfTheFastestQuarter) {
    // Twelve behind no warm-up: the three fastest have the offsets 7, 5 and 30.
    std::vector<Sample> samples;
    for (int i = 0; i < 9; ++i) samples.push_back(sample(i, 10'000 + i, 500 + i));
    samples.insert(samples.begin() + 2, sample(20, 7, 100));
    samples.insert(samples.begin() + 5, sample(21, 30, 101));
    samples.push_back(sample(22, 5, 102));
    const auto m = combine_burst(samples, 0);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->offset, Duration{7});
    EXPECT_EQ(m->delay, Duration{100});
    EXPECT_EQ(m->at, from_ns<RawTime>(20));
}

TEST(CombineBurst, OfTwoFastestTakesTheMiddleNotTheLower) {
    std::vector<Sample> samples(2, sample(0, 0, 1'000));
    for (int i = 0; i < 4; ++i) samples.push_back(sample(i, 900, 500));
    samples.push_back(sample(10, -40, 100));
    samples.push_back(sample(20, 60, 110));
    const auto m = combine_burst(samples);
    ASSERT_TRUE(m);
    EXPECT_EQ(m->offset, Duration{10});
    EXPECT_EQ(m->delay, Duration{105});
    EXPECT_EQ(m->at, from_ns<RawTime>(15));
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
