#include "estimate/average.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace berkeley {
namespace {

using namespace std::chrono_literals;
using Members = std::vector<Contribution>;

Members with_width(std::vector<Duration> offsets, Duration half_width) {
    Members members;
    for (const Duration offset : offsets) members.push_back({offset, half_width});
    return members;
}

std::vector<std::size_t> outliers(const Average& average) {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < average.outlier.size(); ++i) {
        if (average.outlier[i]) result.push_back(i);
    }
    return result;
}
using Indices = std::vector<std::size_t>;

TEST(ColdStart, TheTextbookClocksMeetAtFiveMinutesPastThree) {
    // Master 3:00, slaves 2:50 and 3:25: the corrections are +5, +15 and -20 minutes.
    const std::vector<Duration> offsets{0min, -10min, 25min};
    const Average average = cold_start_average(with_width(offsets, 1ms));
    EXPECT_EQ(average.value, Duration{5min});
    EXPECT_EQ(average.value - offsets[0], Duration{5min});
    EXPECT_EQ(average.value - offsets[1], Duration{15min});
    EXPECT_EQ(average.value - offsets[2], Duration{-20min});
    EXPECT_EQ(outliers(average), Indices{});
    EXPECT_FALSE(average.degraded);
    EXPECT_FALSE(average.split);
}

TEST(ColdStart, AClockADayOffIsIgnored) {
    struct Case {
        std::vector<Duration> offsets;
        Duration expected;
        Indices outliers;
    };
    const std::vector<Case> cases = {
        {{0min, -10min, 25min, 24h}, 5min, {3}},
        {{0min, -10min, 25min, -24h}, 5min, {3}},
        {{0min, 24h, -10min, 25min, 5min}, 5min, {1}},
        {{24h, 0min, -10min, 25min, 5min, -24h}, 5min, {0, 5}},
        {{0s, 1ms, -1ms, 24h}, 0s, {3}},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const Average average = cold_start_average(with_width(cases[i].offsets, 1ms));
        EXPECT_EQ(average.value, cases[i].expected) << "case " << i;
        EXPECT_EQ(outliers(average), cases[i].outliers) << "case " << i;
    }
}

TEST(ColdStart, ClocksWithinTheirErrorsAreNoOutliers) {
    const Average average = cold_start_average(with_width({0us, 0us, 0us, 290us}, 100us));
    EXPECT_EQ(outliers(average), Indices{});
    EXPECT_EQ(average.value, Duration{72'500});
    EXPECT_EQ(outliers(cold_start_average(with_width({0us, 0us, 0us, 310us}, 100us))), Indices{3});
}

TEST(ColdStart, FewClocks) {
    EXPECT_EQ(cold_start_average({}).value, Duration{0});
    EXPECT_TRUE(cold_start_average({}).degraded);
    EXPECT_EQ(cold_start_average(with_width({7s}, 1ms)).value, Duration{7s});
    EXPECT_TRUE(cold_start_average(with_width({7s}, 1ms)).degraded);
    const Average two = cold_start_average(with_width({0s, 10h}, 1ms));
    EXPECT_EQ(two.value, Duration{5h});
    EXPECT_TRUE(two.degraded);
    EXPECT_EQ(outliers(two), Indices{});
}

TEST(FaultTolerant, FewClocks) {
    EXPECT_EQ(fault_tolerant_average({}).value, Duration{0});
    EXPECT_TRUE(fault_tolerant_average({}).degraded);
    const Average one = fault_tolerant_average(with_width({7us}, 1us));
    EXPECT_EQ(one.value, Duration{7us});
    EXPECT_TRUE(one.degraded);
    EXPECT_FALSE(one.split);
    const Average two = fault_tolerant_average(with_width({0us, 10us}, 5us));
    EXPECT_EQ(two.value, Duration{5us});
    EXPECT_TRUE(two.degraded);
    EXPECT_FALSE(two.split);
    const Average apart = fault_tolerant_average(with_width({0us, 11us}, 5us));
    EXPECT_TRUE(apart.split);
    EXPECT_TRUE(apart.degraded);
    EXPECT_EQ(apart.value, Duration{0});
}

TEST(FaultTolerant, AnUnsureClockPullsNoFartherThanTheAgreedInterval) {
    // Two sure clocks, two unsure ones ahead of them. The agreed interval is [-1, 2]; of the middle two, 1
    // and 50, the latter counts as 2.
    const Average average =
        fault_tolerant_average(Members{{0us, 1us}, {1us, 1us}, {50us, 100us}, {60us, 100us}}, {});
    EXPECT_FALSE(average.split);
    EXPECT_EQ(average.low, -1us);
    EXPECT_EQ(average.high, 2us);
    EXPECT_EQ(average.value, 1500ns);
}

TEST(FaultTolerant, ThreeClocksBearOneLiar) {
    for (const Duration lie : {Duration{10s}, Duration{-10s}, Duration{24h}}) {
        const Average average = fault_tolerant_average(with_width({0us, 4us, lie}, 10us));
        EXPECT_FALSE(average.split);
        EXPECT_FALSE(average.degraded);
        EXPECT_EQ(outliers(average), Indices{2});
        EXPECT_GE(average.value, Duration{0us});
        EXPECT_LE(average.value, Duration{4us});
    }
}

TEST(FaultTolerant, FourClocksAgreeOnTheMeanOfTheMiddleTwo) {
    const Average average = fault_tolerant_average(with_width({0us, 3us, 5us, 100us}, 10us));
    EXPECT_EQ(average.value, Duration{4us});
    EXPECT_EQ(outliers(average), Indices{3});
    EXPECT_EQ(average.low, Duration{-5us});
    EXPECT_EQ(average.high, Duration{13us});
}

TEST(FaultTolerant, TenThousandClocksWithAThirdOfLiars) {
    Members members;
    for (int i = 0; i < 10'000; ++i) {
        const bool liar = i % 3 == 1 && i < 9'999;  // 3333 = floor(9999 / 3)
        members.push_back({liar ? Duration{24h} : Duration{i % 7}, 10us});
    }
    const Average average = fault_tolerant_average(members);
    EXPECT_FALSE(average.split);
    EXPECT_GE(average.value, Duration{0});
    EXPECT_LE(average.value, Duration{6});
    EXPECT_EQ(outliers(average).size(), 3'333U);
}

TEST(FaultTolerant, ASplitIsNeverAveraged) {
    struct Case {
        std::vector<Duration> offsets;
    };
    for (const Case& c : {Case{{0s, 0s, 1s, 1s}}, Case{{0s, 0s, 0s, 1s, 1s, 1s}}, Case{{0s, 1s, 2s, 3s}},
                          Case{{0s, 0s, 1s, 1s, 2s}}}) {
        const Average average = fault_tolerant_average(with_width(c.offsets, 1ms));
        EXPECT_TRUE(average.split) << c.offsets.size();
        EXPECT_EQ(average.value, Duration{0});
        EXPECT_EQ(outliers(average), Indices{});
    }
}

TEST(FaultTolerant, ThreeClocksAllApartAreSplitThoughTheirMedianEndsMeet) {
    // More than f = 1 of them are wrong: no instant is within two of the intervals.
    const Average average = fault_tolerant_average(with_width({0s, 1s, 2s}, 1ms));
    EXPECT_TRUE(average.split);
    EXPECT_EQ(average.value, Duration{0});
    EXPECT_FALSE(fault_tolerant_average(with_width({0s, 2ms, 2s}, 1ms)).split) << "two that touch are enough";
}

TEST(FaultTolerant, ASplitIsResolvedOnlyByAMajorityThatHoldsThePrediction) {
    const Contribution here{0us, 100us};
    // Six clocks bear one liar; two make a split. Four of the six are a strict majority.
    const Members four_of_six = with_width({0us, 10us, 20us, 30us, 1s, 1s}, 1ms);
    EXPECT_TRUE(fault_tolerant_average(four_of_six).split) << "without a prediction";
    const Average resolved = fault_tolerant_average(four_of_six, here);
    EXPECT_FALSE(resolved.split);
    EXPECT_EQ(resolved.value, Duration{15us});
    EXPECT_EQ(outliers(resolved), (Indices{4, 5}));
    EXPECT_TRUE(fault_tolerant_average(four_of_six, Contribution{2s, 100us}).split) << "predicted elsewhere";
    EXPECT_TRUE(fault_tolerant_average(four_of_six, Contribution{1s, 100us}).split) << "where a minority is";
    const Members half = with_width({0us, 10us, 1s, 1s}, 1ms);
    EXPECT_TRUE(fault_tolerant_average(half, here).split) << "half is no majority";
}

TEST(FaultTolerant, ExtremesDoNotOverflow) {
    const Duration far{std::int64_t{1} << 62};
    const Duration wide{std::int64_t{1} << 61};
    for (const Members& members :
         {with_width({far, -far, far}, wide), with_width({far, far, far}, wide),
          with_width({-far, -far, -far, -far}, wide), with_width({0ns, far, -far}, wide),
          with_width({Duration::max(), Duration::min(), 0ns}, Duration::max()),
          with_width({far, -far}, Duration::max()), with_width({Duration::min()}, wide)}) {
        const Average steady = fault_tolerant_average(members, Contribution{far, wide});
        const Average cold = cold_start_average(members);
        EXPECT_EQ(steady.outlier.size(), members.size());
        EXPECT_EQ(cold.outlier.size(), members.size());
        if (!steady.split) {
            EXPECT_LE(steady.low, steady.high);
        }
    }
    EXPECT_EQ(fault_tolerant_average(with_width({far, far, far}, wide)).value, far);
    EXPECT_EQ(cold_start_average(with_width({-far, -far, -far, -far}, wide)).value, -far);
    EXPECT_EQ(cold_start_average(with_width({far, -far}, wide)).value, Duration{0});
    const Members many(10'000, Contribution{Duration{far}, wide});
    EXPECT_EQ(fault_tolerant_average(many).value, far);
    EXPECT_EQ(cold_start_average(many).value, far);
}

TEST(TrimmedMean, LeavesOutTheExtremes) {
    EXPECT_DOUBLE_EQ(trimmed_mean({}), 0);
    EXPECT_DOUBLE_EQ(trimmed_mean({5}), 5);
    EXPECT_DOUBLE_EQ(trimmed_mean({5, 7}), 6);
    EXPECT_DOUBLE_EQ(trimmed_mean({1e9, 7, 5}), 7);
    EXPECT_DOUBLE_EQ(trimmed_mean({-1e9, 4, 6, 1e9}), 5);
    EXPECT_DOUBLE_EQ(trimmed_mean({-1e9, -1e8, 4, 5, 6, 1e8, 1e9}), 5);
}

}  // namespace
}  // namespace berkeley
