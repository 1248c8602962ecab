#include "discipline/discipline.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(1'000'000'000'000);
constexpr ClusterTime kInitial = from_ns<ClusterTime>(1'700'000'000'000'000'000);

Discipline fresh(const DisciplineOptions& options = {}) { return Discipline(options, kStart, kInitial, {}); }

Discipline synchronized(const DisciplineOptions& options = {}) {
    Discipline clock = fresh(options);
    clock.apply({Duration{0}, 0, microseconds{50}, kStart}, kStart);
    return clock;
}

TEST(Discipline, FirstCorrectionIsSteppedHoweverLarge) {
    Discipline clock = fresh();
    const auto result = clock.apply({std::chrono::hours{-5}, 1'000, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(result.applied, Applied::step);
    EXPECT_EQ(clock.map().cluster(kStart), kInitial - std::chrono::hours{5});
    EXPECT_EQ(clock.map().rate_ppb, 1'000);
    EXPECT_EQ(clock.status(), ClockStatus::synchronized);
    EXPECT_EQ(clock.disruptions(), 0U);
}

TEST(Discipline, LaterCorrectionIsSlewedAtTheLimitAndNeverBackward) {
    Discipline clock = synchronized();
    const auto result = clock.apply({-milliseconds{1}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(result.applied, Applied::slew);
    // 1 ms at 500 ppm takes 2 s.
    EXPECT_EQ(clock.map().slew_left(kStart + seconds{1}), -microseconds{500});
    EXPECT_EQ(clock.map().slew_left(kStart + seconds{2}), Duration{0});
    EXPECT_EQ(clock.map().cluster(kStart + seconds{3}), kInitial + seconds{3} - milliseconds{1});
    ClusterTime last = clock.map().cluster(kStart);
    for (int i = 1; i < 10'000; ++i) {
        const ClusterTime now = clock.map().cluster(kStart + Duration{i});
        ASSERT_GE(now, last);
        last = now;
    }
}

TEST(Discipline, CorrectionsAddUpWhileSlewing) {
    Discipline clock = synchronized();
    clock.apply({milliseconds{1}, 0, microseconds{50}, kStart}, kStart);
    const RawTime later = kStart + milliseconds{500};
    clock.apply({milliseconds{2}, 0, microseconds{50}, later}, later);
    EXPECT_EQ(clock.map().target(later), kInitial + milliseconds{500} + milliseconds{3});
}

TEST(Discipline, StepBeyondTheThresholdLeavesSynchronizedFirst) {
    Discipline clock = synchronized();
    const auto result = clock.apply({seconds{10}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(result.applied, Applied::step);
    EXPECT_EQ(clock.status(), ClockStatus::disrupted);
    EXPECT_EQ(clock.disruptions(), 1U);
    clock.apply({microseconds{5}, 0, microseconds{50}, kStart}, kStart + seconds{1});
    EXPECT_EQ(clock.status(), ClockStatus::synchronized);
}

TEST(Discipline, StepsWhereSlewingWouldKeepTheBoundAboveTheMaximumForLongerThanTenSeconds) {
    // 100 ms of bound, and 10 s of slewing at 500 ppm.
    const Duration most = milliseconds{105};
    EXPECT_FALSE(synchronized().would_step(most, kStart));
    EXPECT_FALSE(synchronized().would_step(-most, kStart));
    EXPECT_TRUE(synchronized().would_step(most + Duration{1}, kStart));
    EXPECT_TRUE(synchronized().would_step(-most - Duration{1}, kStart));
    Discipline clock = synchronized();
    clock.apply({milliseconds{60}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_TRUE(clock.would_step(milliseconds{60}, kStart)) << "what is not slewed yet counts";
    EXPECT_FALSE(clock.would_step(-milliseconds{60}, kStart));
    const auto result = clock.apply({milliseconds{500}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(result.applied, Applied::step);
    EXPECT_EQ(clock.map().cluster(kStart), kInitial + milliseconds{560});
    EXPECT_EQ(clock.disruptions(), 1U);
    clock.apply({microseconds{5}, 0, microseconds{50}, kStart}, kStart + seconds{1});
    EXPECT_EQ(clock.status(), ClockStatus::synchronized);
}

TEST(Discipline, FirstCorrectionAfterADisruptionStepsWhateverItsSize) {
    for (const Duration size : {Duration{milliseconds{300}}, Duration{seconds{5000}}}) {
        Discipline clock = synchronized();
        clock.disrupt();
        EXPECT_EQ(clock.apply({size, 0, microseconds{50}, kStart}, kStart).applied, Applied::step);
        EXPECT_EQ(clock.status(), ClockStatus::synchronized);
    }
}

TEST(Discipline, CorrectionBeyondTheMaximumIsRefusedAndTheClockIsNoLongerTrusted) {
    Discipline clock = synchronized();
    const ClockMap before = clock.map();
    const auto result = clock.apply({seconds{1001}, 5, microseconds{50}, kStart}, kStart + seconds{1});
    EXPECT_EQ(result.applied, Applied::refused);
    EXPECT_NE(result.reason.find("--max-correction"), std::string::npos);
    EXPECT_EQ(clock.map(), before);
    EXPECT_EQ(clock.status(), ClockStatus::unsynchronized)
        << "it cannot both be right and so far from the others";
    const auto again = clock.apply({seconds{1001}, 0, microseconds{50}, kStart}, kStart + seconds{2});
    EXPECT_EQ(again.applied, Applied::refused) << "as long as the process runs";
    const auto small = clock.apply({microseconds{5}, 0, microseconds{50}, kStart}, kStart + seconds{3});
    EXPECT_EQ(small.applied, Applied::slew);
    EXPECT_EQ(clock.status(), ClockStatus::synchronized);
}

TEST(Discipline, SavedRateComesBackWithItsSkew) {
    Discipline clock = fresh();
    EXPECT_EQ(clock.rate_to_save().skew_ppb, 0);
    clock.apply({Duration{0}, 1'200, microseconds{50}, kStart, 57'000}, kStart);
    const SavedRate saved = clock.rate_to_save();
    EXPECT_EQ(saved.ppb, 1'200);
    EXPECT_EQ(saved.skew_ppb, 7'000);
    Discipline later({}, kStart, kInitial, saved);
    EXPECT_EQ(later.map().rate_ppb, 1'200);
    EXPECT_EQ(later.drift_ppb(), 57'000) << "until a master knows better";
    later.apply({Duration{0}, 0, microseconds{50}, kStart, 0}, kStart);
    EXPECT_EQ(later.drift_ppb(), 50'000);
}

TEST(Discipline, TimesOutsideTheEraAreRefused) {
    Discipline clock = fresh();
    const auto result =
        clock.apply({Duration{-(std::int64_t{1} << 61)}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(result.applied, Applied::refused);
    EXPECT_EQ(clock.map().cluster(kStart), kInitial);
}

TEST(Discipline, BoundGrowsWithAgeAndWithWhatIsUnslewed) {
    Discipline clock = synchronized();
    EXPECT_EQ(clock.bound(kStart), microseconds{50} + clock.options().granularity + Duration{0});
    EXPECT_EQ(clock.bound(kStart + seconds{10}),
              microseconds{50} + clock.options().granularity + microseconds{500} + Duration{1});
    clock.apply({milliseconds{1}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_GE(clock.bound(kStart), milliseconds{1} + microseconds{50});
}

TEST(Discipline, ACorrectionThatComesLatePaysForTheOldRateUntilThen) {
    Discipline clock = synchronized();
    clock.apply({Duration{0}, -100'000, microseconds{50}, kStart}, kStart + seconds{1});
    // 100 ppm for a second, beside 50 ppm of drift and the grain.
    EXPECT_GE(clock.bound(kStart + seconds{1}), microseconds{50 + 100 + 50});
}

TEST(Discipline, NeverSynchronizedClockKnowsNoBound) { EXPECT_EQ(fresh().bound(kStart), kUnknownBound); }

TEST(Discipline, ResumesAnEarlierClockInHoldoverAndSlewsFromThere) {
    ClockMap map;
    map.anchor_raw = kStart;
    map.anchor_cluster = kInitial + seconds{1200};
    map.rate_ppb = 700;
    map.slew = microseconds{100};
    Discipline clock = fresh();
    ASSERT_TRUE(clock.resume({map, microseconds{80}, kStart - seconds{3}, 60'000}, kStart));
    EXPECT_EQ(clock.status(), ClockStatus::holdover);
    EXPECT_EQ(clock.jumps(), 0U);
    EXPECT_EQ(clock.map().cluster(kStart), map.anchor_cluster);
    EXPECT_EQ(clock.map().rate_ppb, 700);
    // 80 us, 3 s at 60 ppm, and 100 us that are not slewed yet.
    EXPECT_EQ(clock.bound(kStart), microseconds{80 + 180 + 100} + Duration{1});
    const auto result = clock.apply({milliseconds{3}, 0, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(result.applied, Applied::slew);
    EXPECT_EQ(clock.status(), ClockStatus::synchronized);
    EXPECT_EQ(clock.disruptions(), 0U);
}

TEST(Discipline, AnEarlierClockWhoseBoundIsTooWideIsNotResumed) {
    Discipline clock = fresh();
    ClockMap map;
    map.anchor_raw = kStart;
    map.anchor_cluster = kInitial + seconds{1200};
    EXPECT_FALSE(clock.resume({map, milliseconds{90}, kStart - seconds{250}, 50'000}, kStart));
    EXPECT_EQ(clock.status(), ClockStatus::unsynchronized);
    EXPECT_EQ(clock.map().cluster(kStart), kInitial);
}

TEST(Discipline, WithoutCorrectionsGoesToHoldoverAndThenUnsynchronized) {
    DisciplineOptions options;
    options.max_bound = milliseconds{1};
    Discipline clock = synchronized(options);
    clock.set_valid_for(seconds{3});
    EXPECT_FALSE(clock.tick(kStart + seconds{3}));
    EXPECT_EQ(clock.next_deadline(), kStart + seconds{3} + Duration{1});
    EXPECT_TRUE(clock.tick(clock.next_deadline()));
    EXPECT_EQ(clock.status(), ClockStatus::holdover);
    // 50 us measured, 950 us at 50 ppm: 19 s.
    EXPECT_FALSE(clock.tick(kStart + seconds{18}));
    EXPECT_TRUE(clock.tick(clock.next_deadline()));
    EXPECT_EQ(clock.status(), ClockStatus::unsynchronized);
    EXPECT_EQ(clock.next_deadline(), RawTime::max());
}

TEST(Discipline, RejoinAfterHoldoverSlewsWhereItCan) {
    Discipline clock = synchronized();
    clock.set_valid_for(seconds{3});
    clock.tick(kStart + seconds{60});
    ASSERT_EQ(clock.status(), ClockStatus::holdover);
    const RawTime now = kStart + seconds{60};
    EXPECT_EQ(clock.apply({milliseconds{2}, 0, microseconds{50}, now}, now).applied, Applied::slew);
    EXPECT_EQ(clock.status(), ClockStatus::synchronized);
}

TEST(Discipline, MeasurementWorseThanMaxBoundDoesNotSynchronize) {
    Discipline clock = fresh();
    clock.apply({seconds{1}, 0, seconds{1}, kStart}, kStart);
    EXPECT_EQ(clock.status(), ClockStatus::unsynchronized);
    EXPECT_FALSE(clock.ever_synchronized());
}

TEST(Discipline, RatesStayWithinTheirLimits) {
    Discipline clock = synchronized();
    for (int i = 0; i < 5; ++i) clock.apply({Duration{0}, kRateMaxPpb, microseconds{50}, kStart}, kStart);
    EXPECT_EQ(clock.map().rate_ppb, kRateMaxPpb);
}

}  // namespace
}  // namespace berkeley
