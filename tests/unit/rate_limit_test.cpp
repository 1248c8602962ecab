#include "net/rate_limit.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using namespace std::chrono_literals;
using Verdict = RateLimit::Verdict;

constexpr RateLimitOptions kLimit{100, 10};

TEST(RateLimit, ABurstPassesAndTheNextDoesNot) {
    RateLimit bucket(kLimit, RawTime{});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(bucket.take(kLimit, RawTime{}), Verdict::pass);
    EXPECT_EQ(bucket.take(kLimit, RawTime{}), Verdict::drop);
    EXPECT_EQ(bucket.take(kLimit, RawTime{10ms}), Verdict::pass);
    EXPECT_EQ(bucket.take(kLimit, RawTime{10ms}), Verdict::drop);
}

TEST(RateLimit, AtTheAllowedRateNothingIsEverDropped) {
    RateLimit bucket(kLimit, RawTime{});
    for (int i = 0; i < 10'000; ++i) EXPECT_EQ(bucket.take(kLimit, RawTime{i * 10ms}), Verdict::pass);
}

TEST(RateLimit, ASecondsWorthOfDropsIsAFlood) {
    RateLimit bucket(kLimit, RawTime{});
    int drops = 0;
    int cuts = 0;
    for (int i = 0; i < 111; ++i) {
        const Verdict verdict = bucket.take(kLimit, RawTime{});
        drops += verdict == Verdict::drop;
        cuts += verdict == Verdict::cut;
    }
    EXPECT_EQ(drops, 100);
    EXPECT_EQ(cuts, 1);
}

TEST(RateLimit, ARestForgivesAndATimeThatJumpsBackDoesNoHarm) {
    RateLimit bucket(kLimit, RawTime{1h});
    for (int i = 0; i < 60; ++i) bucket.take(kLimit, RawTime{1h});
    EXPECT_EQ(bucket.take(kLimit, RawTime{1h + 1s}), Verdict::pass);
    for (int i = 0; i < 109; ++i) EXPECT_NE(bucket.take(kLimit, RawTime{1h + 1s}), Verdict::cut);
    EXPECT_NE(bucket.take(kLimit, RawTime{0h}), Verdict::pass);
}

TEST(RateLimit, WithoutALimitEverythingPasses) {
    RateLimit bucket({}, RawTime{});
    for (int i = 0; i < 100'000; ++i) ASSERT_EQ(bucket.take({}, RawTime{}), Verdict::pass);
}

}  // namespace
}  // namespace berkeley
