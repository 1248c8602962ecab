#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <unordered_set>

#include "base/bounded_string.hpp"
#include "base/int128.hpp"
#include "base/prng.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace berkeley {
namespace {

template <class A, class B>
concept Subtractable = requires(A a, B b) {
    a - b;
};

TEST(Time, ClocksDoNotMix) {
    static_assert(Subtractable<RawTime, RawTime>);
    static_assert(!Subtractable<RawTime, ClusterTime>);
    static_assert(!Subtractable<ClusterTime, TrueTime>);
    static_assert(!std::is_convertible_v<RawTime, ClusterTime>);
    EXPECT_EQ(to_ns(from_ns<RawTime>(-7)), -7);
}

TEST(Time, SaneTimesLeaveRoomForDifferences) {
    EXPECT_TRUE(is_sane(from_ns<RawTime>(kRawTimeMax - 1)));
    EXPECT_TRUE(is_sane(from_ns<RawTime>(1 - kRawTimeMax)));
    EXPECT_FALSE(is_sane(from_ns<RawTime>(kRawTimeMax)));
    EXPECT_FALSE(is_sane(RawTime::min()));
    EXPECT_TRUE(is_sane(from_ns<ClusterTime>(0)));
    EXPECT_FALSE(is_sane(from_ns<ClusterTime>(-1)));
    EXPECT_FALSE(is_sane(ClusterTime::max()));
}

TEST(Time, AReceiveStampIsTheEarlierTimeUnlessTheTwoAreFurtherApartThanItMayBeInDoubt) {
    const RawTime asked = from_ns<RawTime>(1'000'000);
    EXPECT_EQ(receive_stamp(asked, asked), asked);
    EXPECT_EQ(receive_stamp(asked, asked + kReceiveDoubt), asked);
    const RawTime later = asked + kReceiveDoubt + Duration{1};
    EXPECT_EQ(receive_stamp(asked, later), later);
}

TEST(Int128, FloorDivisionRoundsDown) {
    EXPECT_EQ(static_cast<int>(floor_div(7, 2)), 3);
    EXPECT_EQ(static_cast<int>(floor_div(-7, 2)), -4);
    EXPECT_EQ(static_cast<int>(floor_div(-8, 2)), -4);
    EXPECT_EQ(static_cast<int>(floor_div(0, 2)), 0);
}

TEST(Int128, NarrowingSaturates) {
    constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min();
    EXPECT_EQ(saturate(Int128{high} + 1), high);
    EXPECT_EQ(saturate(Int128{low} - 1), low);
    EXPECT_EQ(saturate(Int128{high}), high);
    EXPECT_EQ(saturate(-5), -5);
}

TEST(BoundedString, TakesWhatFitsAndNothingLonger) {
    using Four = BoundedString<4>;
    EXPECT_EQ(Four::from("").value().view(), "");
    EXPECT_TRUE(Four{}.empty());
    EXPECT_EQ(Four::from("abcd").value().str(), "abcd");
    EXPECT_FALSE(Four::from("abcde").has_value());
    EXPECT_TRUE(Url::from(std::string(255, 'x')).has_value());
    EXPECT_FALSE(Url::from(std::string(256, 'x')).has_value());
}

TEST(BoundedString, KeepsZeroBytes) {
    const std::string text("a\0b", 3);
    EXPECT_EQ(NodeId::from(text).value().view(), text);
}

TEST(BoundedString, ComparesAndHashesAsText) {
    EXPECT_EQ(node_id("s1"), node_id("s1"));
    EXPECT_NE(node_id("s1"), node_id("s10"));
    EXPECT_LT(node_id("s1"), node_id("s10"));
    EXPECT_LT(node_id("s10"), node_id("s2"));
    std::unordered_set<NodeId> names{node_id("a"), node_id("b"), node_id("a")};
    EXPECT_EQ(names.size(), 2U);
    EXPECT_TRUE(names.contains(node_id("b")));
}

TEST(BoundedString, NamesAreSafeInTopicsPathsAndLogs) {
    for (const char* good : {"s1", "A-b_c.d", "0", "-"}) EXPECT_TRUE(is_valid_name(good)) << good;
    for (const char* bad : {"", ".", "..", ".hidden", "a/b", "a b", "a\n", "\xc3\xa9", "a\x1b[0m"}) {
        EXPECT_FALSE(is_valid_name(bad)) << bad;
    }
    EXPECT_TRUE(is_valid_name(std::string(63, 'x')));
    EXPECT_FALSE(is_valid_name(std::string(64, 'x')));
}

TEST(Result, CarriesAValueOrALine) {
    const Result<int> good = 3;
    const Result<int> bad = failure("interval: 0 s is not in 10 ms..1 h");
    EXPECT_EQ(good.value(), 3);
    ASSERT_FALSE(bad.has_value());
    EXPECT_EQ(bad.error(), "interval: 0 s is not in 10 ms..1 h");
}

// Computed apart from this code, from the published definitions of splitmix64 and xoshiro256**.
TEST(Prng, GivesTheKnownSequence) {
    const std::uint64_t of_0[] = {0x99ec5f36cb75f2b4U, 0xbf6e1f784956452aU, 0x1a5f849d4933e6e0U};
    const std::uint64_t of_42[] = {0x15780b2e0c2ec716U, 0x6104d9866d113a7eU, 0xae17533239e499a1U};
    Prng zero(0);
    Prng forty_two(42);
    for (const std::uint64_t expected : of_0) EXPECT_EQ(zero.next(), expected);
    for (const std::uint64_t expected : of_42) EXPECT_EQ(forty_two.next(), expected);
}

TEST(Prng, IsTheSameAtCompileTime) {
    constexpr std::uint64_t first = Prng(42).next();
    EXPECT_EQ(Prng(42).next(), first);
}

TEST(Prng, StaysWithinItsRange) {
    Prng prng(7);
    double sum = 0;
    for (int i = 0; i < 100'000; ++i) {
        const double unit = prng.uniform();
        ASSERT_GE(unit, 0.0);
        ASSERT_LT(unit, 1.0);
        const double wide = prng.uniform(-3.0, 5.0);
        ASSERT_GE(wide, -3.0);
        ASSERT_LT(wide, 5.0);
        ASSERT_LT(prng.below(6), 6U);
        sum += unit;
    }
    EXPECT_NEAR(sum / 100'000, 0.5, 0.005);
}

TEST(Prng, ChanceOfZeroNeverComesAndOfOneAlways) {
    Prng prng(8);
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(prng.chance(0.0));
        EXPECT_TRUE(prng.chance(1.0));
    }
}

TEST(Prng, DistributionsHaveTheirMoments) {
    constexpr int kDraws = 200'000;
    Prng prng(9);
    double normal_sum = 0;
    double normal_squares = 0;
    double exponential_sum = 0;
    for (int i = 0; i < kDraws; ++i) {
        const double z = prng.normal();
        normal_sum += z;
        normal_squares += z * z;
        const double wait = prng.exponential(4.0);
        ASSERT_GE(wait, 0.0);
        ASSERT_TRUE(std::isfinite(z) && std::isfinite(wait));
        exponential_sum += wait;
    }
    EXPECT_NEAR(normal_sum / kDraws, 0.0, 0.01);
    EXPECT_NEAR(normal_squares / kDraws, 1.0, 0.02);
    EXPECT_NEAR(exponential_sum / kDraws, 4.0, 0.05);
}

}  // namespace
}  // namespace berkeley
