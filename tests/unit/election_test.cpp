#include "election/election.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(5'000'000'000);

ElectionOptions options(const char* id, std::int32_t priority = 100, bool standby = false) {
    ElectionOptions o;
    o.id = node_id(id);
    o.priority = priority;
    o.standby = standby;
    return o;
}

Election make(const ElectionOptions& o, Term term = 0, bool adopted = false) {
    return Election(o, Prng{1}, term, adopted, kStart);
}

Heartbeat beat(std::int32_t priority = 100) {
    Heartbeat h;
    h.role = Role::master;
    h.priority = priority;
    return h;
}

/// Lets timers fire until `end`; returns when the first heartbeat was due.
RawTime run_until(Election& election, RawTime end) {
    while (election.next_deadline() <= end) {
        const RawTime at = election.next_deadline();
        if (election.on_timer(at)) return at;
    }
    return RawTime::max();
}

CandidateInfo peer(const char* id, std::int32_t priority) {
    CandidateInfo info;
    info.id = node_id(id);
    info.priority = priority;
    return info;
}

TEST(Election, LoneMasterFoundsTheClusterAfterOneSilentTimeout) {
    Election election = make(options("m1"));
    EXPECT_EQ(election.role(), Role::listen);
    const RawTime at = run_until(election, kStart + seconds{5});
    EXPECT_GE(at - kStart, milliseconds{500});
    EXPECT_LE(at - kStart, milliseconds{550});
    EXPECT_EQ(election.role(), Role::warmup);
    EXPECT_EQ(election.term(), 1U);
    election.on_warm();
    EXPECT_EQ(election.role(), Role::master);
}

TEST(Election, StandbyNeverFoundsACluster) {
    Election election = make(options("m2", 50, true));
    EXPECT_EQ(run_until(election, kStart + seconds{60}), RawTime::max());
    EXPECT_EQ(election.role(), Role::listen);
}

TEST(Election, StandbyTakesOverInANewTermAfterSilence) {
    Election election = make(options("m2", 50, true));
    election.on_heartbeat(node_id("m1"), 7, beat(), kStart);
    EXPECT_EQ(election.role(), Role::standby);
    EXPECT_EQ(election.leader(), node_id("m1"));
    const RawTime at = run_until(election, kStart + seconds{5});
    EXPECT_LE(at - kStart, milliseconds{550});
    EXPECT_EQ(election.term(), 8U);
    EXPECT_TRUE(election.leads());
}

TEST(Election, HeartbeatsKeepAStandbyQuiet) {
    Election election = make(options("m2", 50, true));
    for (RawTime t = kStart; t < kStart + seconds{10}; t += milliseconds{100}) {
        election.on_heartbeat(node_id("m1"), 1, beat(), t);
        ASSERT_EQ(run_until(election, t + milliseconds{99}), RawTime::max());
    }
}

TEST(Election, LowerPriorityWaitsForTheHigherOnes) {
    Election election = make(options("m3", 10, true));
    election.set_peers({peer("m1", 100), peer("m2", 50)});
    election.on_heartbeat(node_id("m1"), 1, beat(), kStart);
    const RawTime at = run_until(election, kStart + seconds{5});
    EXPECT_GE(at - kStart, milliseconds{600}) << "m2 comes first; m1, the lost one, does not count";
    EXPECT_LE(at - kStart, milliseconds{650});
}

TEST(Election, LeaderStepsDownForAHigherTermOnly) {
    Election election = make(options("m1"));
    run_until(election, kStart + seconds{1});
    ASSERT_TRUE(election.leads());
    const RawTime now = kStart + seconds{1};
    election.on_heartbeat(node_id("m2"), 0, beat(50), now);
    EXPECT_TRUE(election.leads());
    election.on_heartbeat(node_id("m2"), 2, beat(50), now);
    EXPECT_EQ(election.role(), Role::standby);
    EXPECT_EQ(election.leader(), node_id("m2"));
    EXPECT_EQ(election.term(), 2U);
}

TEST(Election, OfTwoLeadersOfOneTermTheOneWithLowerPriorityYields) {
    for (const auto& [other, yields] : {std::pair{200, true}, std::pair{50, false}}) {
        Election election = make(options("m1"));
        run_until(election, kStart + seconds{1});
        election.on_heartbeat(node_id("m2"), 1, beat(other), kStart + seconds{1});
        EXPECT_EQ(election.leads(), !yields) << other;
    }
}

TEST(Election, PausedLeaderListensBeforeItSpeaksAgain) {
    Election election = make(options("m1"));
    election.set_peers({peer("m2", 50)});
    run_until(election, kStart + seconds{1});
    ASSERT_TRUE(election.leads());
    EXPECT_FALSE(election.on_timer(kStart + seconds{10}));
    EXPECT_EQ(election.role(), Role::listen);
    EXPECT_EQ(run_until(election, kStart + seconds{10} + milliseconds{500}), RawTime::max());
}

TEST(Election, NamedSuccessorTakesOverAtOnceAndTheOthersWait) {
    for (const auto& [named, leads] : {std::pair{"m2", true}, std::pair{"m3", false}}) {
        Election election = make(options("m2", 50, true));
        election.on_heartbeat(node_id("m1"), 1, beat(), kStart);
        election.on_step_down(node_id("m1"), 1, StepDown{node_id(named)}, kStart + milliseconds{1});
        EXPECT_EQ(election.leads(), leads) << named;
    }
}

TEST(Election, StepDownOfAnybodyElseOrOfAnOldTermIsIgnored) {
    Election election = make(options("m2", 50, true));
    election.on_heartbeat(node_id("m1"), 3, beat(), kStart);
    election.on_step_down(node_id("m9"), 3, StepDown{node_id("m2")}, kStart);
    election.on_step_down(node_id("m1"), 2, StepDown{node_id("m2")}, kStart);
    EXPECT_EQ(election.role(), Role::standby);
}

TEST(Election, RestartedMasterThatBelongedToAClusterWaitsLongerAndThenTakesAHigherTerm) {
    Election election = make(options("m1"), 4, true);
    const RawTime at = run_until(election, kStart + seconds{10});
    EXPECT_GE(at - kStart, seconds{2});
    EXPECT_EQ(election.term(), 5U);
}

TEST(Election, StandbyIsNoLeaderToFollow) {
    Election election = make(options("m1"));
    Heartbeat standby = beat();
    standby.role = Role::standby;
    election.on_heartbeat(node_id("m2"), 9, standby, kStart);
    EXPECT_EQ(election.role(), Role::listen);
}

}  // namespace
}  // namespace berkeley
