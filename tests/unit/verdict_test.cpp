// The arithmetic of a finished round, with tables: who votes, who is an outlier, what each is told.

#include "master/verdict.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr RawTime kNow = from_ns<RawTime>(50'000'000'000);
constexpr ClusterTime kMasterTime = from_ns<ClusterTime>(1'700'000'000'000'000'000);
/// The slave's raw clock, booted at another time.
constexpr Duration kRawOffset = std::chrono::hours{100};

class VerdictTest : public ::testing::Test {
protected:
    VerdictTest() : roster_(100), own_({}, kNow, kMasterTime, {}) {}

    /// A member whose clock is `offset` ahead of the master's, measured with the delay.
    Member& member(const char* id, Duration offset, ClockStatus status = ClockStatus::synchronized,
                   Duration delay = microseconds{100}) {
        const NodeId name = node_id(id);
        Hello hello;
        hello.generation = ++generation_;
        roster_.on_hello(name, static_cast<Route>(generation_), hello, true, 1, kNow);
        Member& m = *roster_.by_id(name);
        m.measurement = Measurement{kNow, kRawOffset, delay, {kNow, kRawOffset, delay}, 8};
        m.estimator.update(*m.measurement);
        m.reply.emplace();
        m.reply->status = status;
        m.reply->map.anchor_raw = kNow + kRawOffset;
        m.reply->map.anchor_cluster = kMasterTime + offset;
        m.reply->bound = microseconds{60};
        return m;
    }

    void synchronize_master() { own_.apply({Duration{0}, 0, Duration{0}, kNow}, kNow); }

    static const MemberVerdict& of(const Verdict& verdict, const char* id) {
        for (const MemberVerdict& m : verdict.members) {
            if (m.member->id.view() == id) return m;
        }
        throw std::out_of_range(id);
    }

    Roster roster_;
    Discipline own_;
    Generation generation_ = 0;
};

TEST_F(VerdictTest, TextbookCaseGivesPlus5Plus15AndMinus20Minutes) {
    member("s1", -minutes{10}, ClockStatus::unsynchronized);
    member("s2", minutes{25}, ClockStatus::unsynchronized);
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(verdict.state, RoundState::cold_start);
    EXPECT_EQ(verdict.own_correction, minutes{5});
    EXPECT_EQ(of(verdict, "s1").correction, minutes{15});
    EXPECT_EQ(of(verdict, "s2").correction, -minutes{20});
}

TEST_F(VerdictTest, NoColdStartWhileTheRosterIsFilling) {
    member("s1", -minutes{10}, ClockStatus::unsynchronized);
    const Verdict verdict = judge(roster_, own_, {.gathering = true}, kNow);
    EXPECT_EQ(verdict.state, RoundState::gathering);
    EXPECT_FALSE(verdict.correct);
}

TEST_F(VerdictTest, SteadyStateListensToSynchronizedClocksOnly) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3"}) member(id, microseconds{10});
    member("new", std::chrono::hours{2}, ClockStatus::unsynchronized);
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(verdict.state, RoundState::steady);
    EXPECT_GT(verdict.average, Duration{0});
    EXPECT_LE(verdict.average, microseconds{10});
    EXPECT_TRUE(of(verdict, "new").outlier);
    EXPECT_EQ(of(verdict, "new").correction, verdict.average - std::chrono::hours{2}) << "still corrected";
}

TEST_F(VerdictTest, LiarIsNamedAndVotesAgainOnlyAfterThreeRoundsOfAgreement) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3"}) member(id, microseconds{1});
    Member& liar = member("liar", seconds{10});
    EXPECT_TRUE(of(judge(roster_, own_, {}, kNow), "liar").outlier);
    EXPECT_TRUE(liar.falseticker);
    liar.reply->map.anchor_cluster = kMasterTime;
    for (int round = 1; round <= 3; ++round) {
        EXPECT_TRUE(liar.falseticker) << round;
        EXPECT_FALSE(of(judge(roster_, own_, {}, kNow), "liar").outlier);
    }
    EXPECT_FALSE(liar.falseticker);
}

TEST_F(VerdictTest, DisagreementWithoutMajorityIsSplitAndCorrectsNobody) {
    synchronize_master();
    member("s1", seconds{1});
    member("s2", seconds{1});
    member("s3", Duration{0});
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(verdict.state, RoundState::split);
    EXPECT_FALSE(verdict.correct);
}

TEST_F(VerdictTest, TwoClocksFarApartAreNotAveraged) {
    synchronize_master();
    member("s1", seconds{1});
    EXPECT_FALSE(judge(roster_, own_, {}, kNow).correct);
}

TEST_F(VerdictTest, OfTwoClocksThatStaySplitTheSlaveFollowsItsMaster) {
    synchronize_master();
    member("s1", seconds{1});
    EXPECT_EQ(judge(roster_, own_, {.split_rounds = kSplitRounds - 1}, kNow).state, RoundState::split);
    const Verdict verdict = judge(roster_, own_, {.split_rounds = kSplitRounds}, kNow);
    ASSERT_TRUE(verdict.correct);
    EXPECT_EQ(verdict.state, RoundState::degraded);
    EXPECT_EQ(verdict.own_correction, Duration{0});
    EXPECT_EQ(of(verdict, "s1").correction, -seconds{1});
    EXPECT_TRUE(of(verdict, "s1").outlier);
    // More clocks may still find a majority.
    member("s2", -seconds{1});
    EXPECT_FALSE(judge(roster_, own_, {.split_rounds = 100}, kNow).correct);
}

TEST_F(VerdictTest, AMasterAgainstWhomMostClocksJumpHasJumpedItselfAndMovesNobody) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3", "s4", "s5"}) member(id, Duration{0});
    for (const char* id : {"s1", "s2"}) roster_.by_id(node_id(id))->jump = milliseconds{350};
    EXPECT_EQ(judge(roster_, own_, {}, kNow).own_jump, Duration{0}) << "two of five";
    roster_.by_id(node_id("s3"))->jump = -milliseconds{350};
    EXPECT_EQ(judge(roster_, own_, {}, kNow).own_jump, Duration{0}) << "the third jumped the other way";
    roster_.by_id(node_id("s3"))->jump = seconds{4};
    EXPECT_EQ(judge(roster_, own_, {}, kNow).own_jump, Duration{0}) << "the third jumped much farther";
    roster_.by_id(node_id("s3"))->jump = milliseconds{340};
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(verdict.own_jump, milliseconds{350});
    EXPECT_EQ(verdict.state, RoundState::split);
    EXPECT_FALSE(verdict.correct);
    for (const char* id : {"s1", "s2", "s3"}) roster_.by_id(node_id(id))->jump = kJumpMin - Duration{1};
    EXPECT_TRUE(judge(roster_, own_, {}, kNow).correct) << "so little goes into the bounds";
}

TEST_F(VerdictTest, OneOfTwoClocksThatJumpsMayBeEither) {
    synchronize_master();
    member("s1", Duration{0}).jump = milliseconds{350};
    EXPECT_EQ(judge(roster_, own_, {}, kNow).own_jump, Duration{0});
}

TEST_F(VerdictTest, ClocksThatJumpAlikeWaitUntilAnotherMeasurementConfirmsIt) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3", "s4", "s5"}) member(id, microseconds{20});
    for (const char* id : {"s1", "s2"}) {
        roster_.by_id(node_id(id))->jump = milliseconds{350};
        roster_.by_id(node_id(id))->gated = true;
    }
    Verdict verdict = judge(roster_, own_, {}, kNow);
    ASSERT_TRUE(verdict.correct);
    EXPECT_TRUE(of(verdict, "s1").waits);
    EXPECT_FALSE(of(verdict, "s3").waits);
    roster_.by_id(node_id("s1"))->gated = false;
    roster_.by_id(node_id("s2"))->jump = -milliseconds{350};
    verdict = judge(roster_, own_, {}, kNow);
    EXPECT_FALSE(of(verdict, "s1").waits) << "a second measurement shows the same jump";
    EXPECT_FALSE(of(verdict, "s2").waits) << "it alone jumped that way";
}

TEST_F(VerdictTest, ClusterTimeMovesNoFasterThanAFifthOfTheDriftThatEveryBoundAllowsFor) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3", "s4", "s5"}) member(id, microseconds{60});
    const Verdict verdict = judge(roster_, own_, {.interval = seconds{1}}, kNow);
    ASSERT_TRUE(verdict.correct);
    EXPECT_EQ(verdict.average, microseconds{10});
    EXPECT_EQ(of(verdict, "s1").correction, -microseconds{50});
}

TEST_F(VerdictTest, MasterThatDisagreesWithAllCorrectsNobodyAtFirstAndThenMovesItself) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3", "s4", "s5"}) member(id, milliseconds{80});
    for (std::uint32_t rounds = 0; rounds < kSelfOutlierRounds; ++rounds) {
        const Verdict verdict = judge(roster_, own_, {.self_outlier_rounds = rounds}, kNow);
        EXPECT_TRUE(verdict.self_outlier);
        EXPECT_FALSE(verdict.correct);
    }
    EXPECT_FALSE(judge(roster_, own_, {.self_outlier_rounds = kSelfOutlierRounds}, kNow).correct)
        << "some clock may still be SYNCHRONIZED by the last correction";
    const VerdictOptions options{.self_outlier_rounds = kSelfOutlierRounds, .none_follow = true};
    const Verdict verdict = judge(roster_, own_, options, kNow);
    ASSERT_TRUE(verdict.correct);
    EXPECT_NEAR(static_cast<double>(verdict.own_correction.count()), 80e6, 1e3);
    EXPECT_NEAR(static_cast<double>(of(verdict, "s1").correction.count()), 0, 1e3);
    EXPECT_GE(of(verdict, "s1").bound, milliseconds{80}) << "until the master has slewed there";
}

TEST_F(VerdictTest, ClocksBackFromALongHoldoverNeitherVoteAgainstBetterOnesNorAreTheyFalse) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3"}) member(id, Duration{0});
    for (const char* id : {"h1", "h2", "h3", "h4", "h5", "h6"}) {
        member(id, -milliseconds{9}, ClockStatus::holdover).reply->bound = milliseconds{30};
    }
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    ASSERT_TRUE(verdict.correct);
    EXPECT_FALSE(verdict.self_outlier);
    EXPECT_EQ(verdict.average, Duration{0});
    EXPECT_EQ(of(verdict, "h1").correction, milliseconds{9});
    EXPECT_FALSE(of(verdict, "s1").outlier);
}

TEST_F(VerdictTest, TwoClocksThatDriftedApartWithinTheirClaimsAreNoSplit) {
    synchronize_master();
    member("s1", milliseconds{2}, ClockStatus::holdover).reply->bound = milliseconds{30};
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_TRUE(verdict.correct);
    EXPECT_EQ(verdict.state, RoundState::degraded);
}

TEST_F(VerdictTest, AClaimOfInfinityGivesALiarNoWeight) {
    synchronize_master();
    for (const char* id : {"s1", "s2"}) member(id, Duration{0});
    member("liar", seconds{5}).reply->bound = std::chrono::hours{1000};
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    ASSERT_TRUE(verdict.correct);
    EXPECT_EQ(verdict.average, Duration{0});
    EXPECT_TRUE(of(verdict, "liar").outlier);
}

TEST_F(VerdictTest, AFalsetickerOfThreeClocksStaysOneUntilItAgrees) {
    synchronize_master();
    member("s1", milliseconds{3});
    member("s2", Duration{0});
    for (int round = 0; round < 4; ++round) {
        const Verdict verdict = judge(roster_, own_, {}, kNow);
        EXPECT_TRUE(of(verdict, "s1").outlier) << "round " << round;
        EXPECT_TRUE(roster_.by_id(node_id("s1"))->falseticker) << "round " << round;
    }
}

TEST_F(VerdictTest, FrequencyNotYetKnownLetsTheBoundGrowFasterAndTakesNoPartInTheEnsembles) {
    synchronize_master();
    member("s1", Duration{0});
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_GE(of(verdict, "s1").drift_ppb, 50'000 + 4 * 200'000) << "one measurement tells no frequency";
    EXPECT_EQ(verdict.own_freq_correction_ppb, 0);
    Member& s2 = member("s2", Duration{0});
    s2.estimator.set_prior_frequency(9'000, 10, 4 * 10);
    const Verdict next = judge(roster_, own_, {}, kNow);
    EXPECT_NEAR(static_cast<double>(of(next, "s2").drift_ppb), 50'040, 5);
    EXPECT_EQ(next.own_freq_correction_ppb, 1'000) << "a fiftieth of the drift in a round";
}

TEST_F(VerdictTest, BoundRestsOnTheFastestProbeAndItsOwnTime) {
    synchronize_master();
    Member& m = member("s1", Duration{0}, ClockStatus::synchronized, microseconds{100});
    // Fastest by far, a little earlier, and 3 us off the kept one.
    m.measurement->tightest = {kNow - milliseconds{2}, kRawOffset + microseconds{3}, microseconds{20}};
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(of(verdict, "s1").measured_at, kNow + kRawOffset - milliseconds{2} + microseconds{3});
    const Duration expected = microseconds{13} + kReceiveDoubt;
    EXPECT_NEAR(static_cast<double>(of(verdict, "s1").half_width.count()),
                static_cast<double>(expected.count()), 10);
}

TEST_F(VerdictTest, SlavesMajorityTellsTheTimeToAMasterThatLostIt) {
    for (const char* id : {"s1", "s2", "s3"}) member(id, std::chrono::hours{3}, ClockStatus::holdover);
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(verdict.state, RoundState::steady);
    EXPECT_NEAR(static_cast<double>((verdict.own_correction - std::chrono::hours{3}).count()), 0, 1e3);
    EXPECT_NEAR(static_cast<double>(of(verdict, "s1").correction.count()), 0, 1e3);
}

TEST_F(VerdictTest, OneClockThatKeptTheTimeTellsItToAMasterThatLostIt) {
    member("s1", std::chrono::hours{3}, ClockStatus::holdover);
    EXPECT_EQ(judge(roster_, own_, {.gathering = true}, kNow).state, RoundState::gathering)
        << "others may come";
    const Verdict verdict = judge(roster_, own_, {}, kNow);
    EXPECT_EQ(verdict.state, RoundState::degraded);
    EXPECT_NEAR(static_cast<double>((verdict.own_correction - std::chrono::hours{3}).count()), 0, 1e3);
    EXPECT_NEAR(static_cast<double>(of(verdict, "s1").correction.count()), 0, 1e3);
}

TEST_F(VerdictTest, OneOfTwoThatClaimsToKnowTheTimeIsNotBelieved) {
    member("s1", std::chrono::hours{3}, ClockStatus::synchronized);
    member("s2", seconds{1}, ClockStatus::unsynchronized);
    EXPECT_EQ(judge(roster_, own_, {}, kNow).state, RoundState::cold_start);
}

TEST_F(VerdictTest, BoundHandedDownHoldsHalfTheDelayAndWhatTheMasterHasYetToSlew) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3"})
        member(id, Duration{0}, ClockStatus::synchronized, microseconds{80});
    own_.apply({microseconds{30}, 0, Duration{0}, kNow}, kNow);
    const Verdict verdict = judge(roster_, own_, {.inherited_bound = microseconds{7}}, kNow);
    ASSERT_TRUE(verdict.correct);
    const Duration unslewed = microseconds{30} + verdict.average;
    EXPECT_GE(of(verdict, "s1").bound, microseconds{40} + microseconds{7} + unslewed);
}

TEST_F(VerdictTest, FirstCorrectionWaitsForABetterMeasurementThanOneFarWorseThanUsualButNotForEver) {
    synchronize_master();
    for (const char* id : {"s1", "s2", "s3"}) member(id, Duration{0});
    Member& joined = member("new", seconds{7}, ClockStatus::unsynchronized, milliseconds{30});
    for (std::size_t measured = 1; measured <= kFirstMeasurements; ++measured) {
        const Verdict verdict = judge(roster_, own_, {}, kNow);
        EXPECT_EQ(of(verdict, "new").waits, measured < kFirstMeasurements) << measured;
        EXPECT_EQ(of(verdict, "new").correction, of(verdict, "new").waits ? Duration{0} : -seconds{7});
        EXPECT_FALSE(of(verdict, "s1").waits);
        joined.estimator.update(*joined.measurement);
    }
}

TEST_F(VerdictTest, NobodyWaitsForABetterMeasurementWhomItWouldNotServe) {
    struct Case {
        const char* what;
        Duration others = microseconds{100};
        Duration delay = milliseconds{30};
        ClockStatus status = ClockStatus::unsynchronized;
        Term applied_term = 0;
        Duration interval = seconds{1};
        bool waits = false;
    };
    const Case cases[] = {
        {.what = "far worse", .waits = true},
        {.what = "far worse, and disrupted",
         .status = ClockStatus::disrupted,
         .applied_term = 7,
         .waits = true},
        {.what = "as well as others", .others = milliseconds{30}},
        {.what = "within a millisecond", .others = microseconds{10}, .delay = milliseconds{1}},
        {.what = "knows the time", .status = ClockStatus::holdover},
        {.what = "slews from the time that it once knew", .applied_term = 7},
        {.what = "slews 15 ms in less than two rounds", .interval = seconds{16}},
    };
    for (const Case& c : cases) {
        for (const char* id : {"s1", "s2", "s3", "new"}) {
            if (roster_.by_id(node_id(id)) != nullptr) roster_.remove(node_id(id));
        }
        for (const char* id : {"s1", "s2", "s3"})
            member(id, Duration{0}, ClockStatus::synchronized, c.others);
        member("new", Duration{0}, c.status, c.delay).reply->applied_term = c.applied_term;
        const Verdict verdict = judge(roster_, own_, {.interval = c.interval}, kNow);
        EXPECT_EQ(of(verdict, "new").waits, c.waits) << c.what;
    }
}

TEST_F(VerdictTest, AbsurdMapsAreNoClocks) {
    synchronize_master();
    Member& liar = member("liar", Duration{0});
    liar.reply->map.anchor_cluster = from_ns<ClusterTime>(kClusterTimeMax - 1);
    liar.reply->map.anchor_raw = from_ns<RawTime>(-kRawTimeMax + 1);
    EXPECT_TRUE(judge(roster_, own_, {}, kNow).members.empty());
}

}  // namespace
}  // namespace berkeley
