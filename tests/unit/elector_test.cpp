#include "election/elector.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::milliseconds;

constexpr RawTime kStart = from_ns<RawTime>(5'000'000'000);
constexpr Incarnation kMine = 11;

Committee committee(Term term, std::uint64_t version) {
    return {term, version, {{node_id("s1"), kMine}, {node_id("m1"), 1}, {node_id("m2"), 2}}};
}

Elector fresh(Term term = 0, Committee known = {}) {
    return Elector({node_id("s1"), kMine}, {term, NodeId{}, std::move(known)}, kStart);
}

Heartbeat beat(Committee c = committee(3, 1)) {
    Heartbeat heartbeat;
    heartbeat.role = Role::master;
    heartbeat.sequence = 7;
    heartbeat.committee = std::move(c);
    return heartbeat;
}

VoteRequest request(bool pre_vote = false, Term term = 3, std::uint64_t version = 1) {
    return {.pre_vote = pre_vote, .committee_term = term, .committee_version = version};
}

TEST(Elector, VotesOncePerTermAndRepeatsItsAnswer) {
    Elector elector = fresh();
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(), kStart), "");
    EXPECT_TRUE(elector.take_changed()) << "to be saved before it is told";
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(), kStart), "") << "the first answer may be lost";
    EXPECT_FALSE(elector.take_changed());
    EXPECT_EQ(elector.judge(node_id("m1"), 4, request(), kStart), "voted already");
    EXPECT_EQ(elector.judge(node_id("m1"), 3, request(), kStart), "a newer term has begun");
    EXPECT_EQ(elector.judge(node_id("m1"), 5, request(), kStart), "");
}

TEST(Elector, AVoteBindsInItsOwnTermOnly) {
    Elector elector = fresh();
    ASSERT_EQ(elector.judge(node_id("m2"), 4, request(), kStart), "");
    elector.observe(5);
    EXPECT_EQ(elector.judge(node_id("m1"), 5, request(), kStart), "") << "it has not voted in term 5";
    EXPECT_EQ(elector.judge(node_id("m2"), 5, request(), kStart), "voted already");
}

TEST(Elector, PreVoteChangesNothing) {
    Elector elector = fresh();
    EXPECT_EQ(elector.judge(node_id("m2"), 9, request(true), kStart), "");
    EXPECT_EQ(elector.term(), 0U);
    EXPECT_FALSE(elector.take_changed());
}

TEST(Elector, WhileAMasterIsHeardAndForATimeoutAfterwardsNobodyGetsAVote) {
    Elector elector = fresh();
    ASSERT_TRUE(elector.on_heartbeat(node_id("m1"), 3, beat(), kStart));
    for (const bool pre : {true, false}) {
        EXPECT_NE(elector.judge(node_id("m2"), 4, request(pre), kStart + milliseconds{499}), "");
        EXPECT_EQ(elector.term(), 3U) << "the asker's term is not adopted";
    }
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(), kStart + milliseconds{500}), "");
}

TEST(Elector, MasterThatStepsDownFreesItsVotersAtOnceAndNobodyElseDoes) {
    Elector elector = fresh();
    ASSERT_TRUE(elector.on_heartbeat(node_id("m1"), 3, beat(), kStart));
    elector.on_step_down(node_id("m2"), 3);
    elector.on_step_down(node_id("m1"), 2);
    EXPECT_NE(elector.judge(node_id("m2"), 4, request(), kStart), "");
    elector.on_step_down(node_id("m1"), 3);
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(), kStart), "");
}

TEST(Elector, AfterARestartItIsSilentForTimeoutAndLease) {
    Elector elector = fresh(3, committee(3, 1));
    EXPECT_NE(elector.judge(node_id("m2"), 4, request(), kStart + milliseconds{899}), "");
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(), kStart + milliseconds{900}), "");
    Elector newcomer = fresh();
    EXPECT_EQ(newcomer.judge(node_id("m2"), 4, request(), kStart), "") << "nothing was promised before";
}

TEST(Elector, CandidateWithAnOlderCommitteeIsRefused) {
    Elector elector = fresh();
    elector.adopt(committee(3, 5));
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(false, 3, 4), kStart), "the committee is newer here");
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(false, 2, 9), kStart), "the committee is newer here");
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(false, 3, 5), kStart), "");
}

TEST(Elector, HeartbeatOfAnOldTermOrOfAStandbyIsNotAcknowledged) {
    Elector elector = fresh(5);
    EXPECT_FALSE(elector.on_heartbeat(node_id("m1"), 4, beat(), kStart));
    Heartbeat standby = beat();
    standby.role = Role::standby;
    EXPECT_FALSE(elector.on_heartbeat(node_id("m1"), 6, standby, kStart));
    EXPECT_EQ(elector.term(), 5U);
}

TEST(Elector, OfTwoLeadersOfOneTermItKeepsToTheOneItHearsUntilThatOneStopsOrIsSilent) {
    Elector elector({node_id("s1"), 1}, {}, kStart);
    Heartbeat beat;
    beat.role = Role::master;
    EXPECT_TRUE(elector.on_heartbeat(node_id("m2"), 1, beat, kStart));
    EXPECT_FALSE(elector.on_heartbeat(node_id("m1"), 1, beat, kStart + milliseconds{100}));
    EXPECT_TRUE(elector.on_heartbeat(node_id("m1"), 1, beat, kStart + milliseconds{600})) << "m2 is silent";
    EXPECT_FALSE(elector.on_heartbeat(node_id("m2"), 1, beat, kStart + milliseconds{700}));
    elector.on_step_down(node_id("m1"), 1);
    EXPECT_TRUE(elector.on_heartbeat(node_id("m2"), 1, beat, kStart + milliseconds{701}));
    EXPECT_TRUE(elector.on_heartbeat(node_id("m1"), 2, beat, kStart + milliseconds{702})) << "a later term";
}

TEST(Elector, AcknowledgementNamesTheCommitteeThatItKnows) {
    Elector elector = fresh();
    ASSERT_TRUE(elector.on_heartbeat(node_id("m1"), 3, beat(committee(3, 2)), kStart));
    ASSERT_TRUE(elector.on_heartbeat(node_id("m1"), 3, beat(committee(3, 1)), kStart))
        << "overtaken on its way";
    EXPECT_EQ(elector.ack(7), (Ack{7, kMine, 3, 2}));
    EXPECT_TRUE(elector.is_voter());
}

TEST(Elector, IsNoVoterUnderAnotherIncarnation) {
    Elector elector({node_id("s1"), kMine + 1}, {3, NodeId{}, committee(3, 1)}, kStart);
    EXPECT_FALSE(elector.is_voter());
}

TEST(Elector, FirstTermThatItBelievesLeavesRoomForElections) {
    // Found by the fuzzer: one message with the highest term that decodes, and no term was left to be elected
    // in.
    Elector elector = fresh();
    for (const Term term : {kTermMax, kTermFirstMax + 1}) {
        elector.observe(term);
        EXPECT_FALSE(elector.on_heartbeat(node_id("m1"), term, beat(committee(term, 1)), kStart));
        EXPECT_EQ(elector.judge(node_id("m1"), term, request(), kStart), "the term is too far ahead");
        EXPECT_EQ(elector.term(), 0U);
        EXPECT_EQ(elector.committee(), Committee{});
    }
    elector.observe(kTermFirstMax);
    EXPECT_EQ(elector.term(), kTermFirstMax);
    elector.observe(kTermFirstMax + kTermJumpMax + 1);
    EXPECT_EQ(elector.term(), kTermFirstMax);
}

TEST(Elector, TermsNeverExceedWhatTravels) {
    Elector elector = fresh(kTermMax);
    EXPECT_FALSE(elector.plausible(kTermMax + 1));
    EXPECT_EQ(elector.judge(node_id("m1"), kTermMax + 1, request(), kStart), "the term is too far ahead");
}

TEST(Elector, VotesNoMoreWhereItCannotSave) {
    Elector elector = fresh();
    elector.disable();
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request(), kStart), "cannot save its vote");
    EXPECT_FALSE(elector.on_heartbeat(node_id("m1"), 3, beat(), kStart));
}

}  // namespace
}  // namespace berkeley
