// Percentiles of the benchmarks: nearest rank, of the samples themselves.

#include "bench/stats.hpp"

#include <gtest/gtest.h>

namespace berkeley::bench {
namespace {

TEST(Stats, PercentilesAreSamplesAtTheirNearestRank) {
    Samples samples;
    for (int i = 1000; i >= 1; --i) samples.add(i);
    const Row row = samples.row("poll_tcp", "us");
    EXPECT_EQ(row.name, "poll_tcp");
    EXPECT_EQ(row.unit, "us");
    EXPECT_EQ(row.n, 1000U);
    EXPECT_EQ(row.min, 1);
    EXPECT_EQ(row.p50, 500);
    EXPECT_EQ(row.p99, 990);
    EXPECT_EQ(row.p99_9, 999);
    EXPECT_EQ(row.max, 1000);
}

TEST(Stats, OneSampleIsEveryPercentile) {
    Samples samples;
    samples.add(7.5);
    const Row row = samples.row("x", "us");
    EXPECT_EQ(row.min, 7.5);
    EXPECT_EQ(row.p50, 7.5);
    EXPECT_EQ(row.p99, 7.5);
    EXPECT_EQ(row.p99_9, 7.5);
    EXPECT_EQ(row.max, 7.5);
}

TEST(Stats, FewSamplesHaveTheirMaximumAsTail) {
    Samples samples;
    for (const double value : {3.0, 1.0, 2.0}) samples.add(value);
    const Row row = samples.row("x", "us");
    EXPECT_EQ(row.p50, 2);
    EXPECT_EQ(row.p99, 3);
    EXPECT_EQ(row.p99_9, 3);
}

TEST(Stats, NoSamplesAreARowOfZeros) {
    const Row row = Samples{}.row("x", "us");
    EXPECT_EQ(row.n, 0U);
    EXPECT_EQ(row.max, 0);
}

}  // namespace
}  // namespace berkeley::bench
