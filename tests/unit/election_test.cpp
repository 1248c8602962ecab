#include "election/election.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(5'000'000'000);

Committee three() { return {1, 3, {{node_id("m1"), 1}, {node_id("m2"), 1}, {node_id("s1"), 1}}}; }

Heartbeat beat(Role role = Role::master) {
    Heartbeat h;
    h.role = role;
    h.committee = three();
    return h;
}

/// One candidate, and the events of the others by hand.
struct Node {
    explicit Node(const char* id, bool standby = false, ElectorMemory memory = {},
                  std::int32_t priority = 100)
        : elector({node_id(id), 1}, std::move(memory), kStart),
          election({.priority = priority, .standby = standby}, elector, Prng{1}, kStart) {}

    /// What CandidateCore does with a heartbeat.
    void hear(const char* from, Term term, RawTime now, const Heartbeat& heartbeat = beat()) {
        elector.on_heartbeat(node_id(from), term, heartbeat, now);
        election.on_heartbeat(node_id(from), term, heartbeat, now);
    }
    /// Lets timers fire until `end` or until a ballot is cast or a heartbeat due; says when.
    RawTime run(RawTime end) {
        while (election.next_deadline() <= end) {
            const RawTime at = election.next_deadline();
            const bool beats = election.on_timer(at);
            if (beats || !(ballots = election.take_ballots()).empty()) return at;
        }
        return RawTime::max();
    }
    void grant(const char* from, RawTime now) {
        const Ballot& ballot = ballots.at(0);
        election.on_grant(node_id(from), ballot.term, {ballot.request.pre_vote, 1}, now);
        if (auto more = election.take_ballots(); !more.empty()) ballots = std::move(more);
    }

    Elector elector;
    Election election;
    std::vector<Ballot> ballots;
};

TEST(Election, LoneMasterFoundsTheClusterOnceItsMembersWouldHaveGreetedIt) {
    Node m1("m1");
    EXPECT_EQ(m1.election.role(), Role::listen);
    const RawTime at = m1.run(kStart + seconds{5});
    EXPECT_GE(at - kStart, milliseconds{2250});
    EXPECT_LE(at - kStart, milliseconds{2300});
    EXPECT_EQ(m1.election.role(), Role::warmup);
    EXPECT_EQ(m1.election.term(), 1U);
    EXPECT_TRUE(m1.election.has_lease(at));
    m1.election.on_warm();
    EXPECT_EQ(m1.election.role(), Role::master);
}

TEST(Election, StandbyNeverFoundsACluster) {
    Node m2("m2", true);
    EXPECT_EQ(m2.run(kStart + seconds{60}), RawTime::max());
    EXPECT_EQ(m2.election.role(), Role::listen);
}

TEST(Election, HeartbeatsKeepAStandbyQuiet) {
    Node m2("m2", true);
    for (RawTime t = kStart; t < kStart + seconds{10}; t += milliseconds{100}) {
        m2.hear("m1", 1, t);
        ASSERT_EQ(m2.run(t + milliseconds{99}), RawTime::max());
    }
    EXPECT_EQ(m2.election.role(), Role::standby);
}

TEST(Election, SilenceLeadsThroughPreVoteAndVoteToALeadershipInANewTerm) {
    Node m2("m2", true);
    m2.hear("m1", 7, kStart);
    const RawTime at = m2.run(kStart + seconds{5});
    EXPECT_GE(at - kStart, milliseconds{500});
    EXPECT_LE(at - kStart, milliseconds{550});
    ASSERT_EQ(m2.ballots.size(), 2U);
    EXPECT_TRUE(m2.ballots[0].request.pre_vote);
    EXPECT_EQ(m2.ballots[0].term, 8U);
    EXPECT_EQ(m2.elector.term(), 7U) << "a pre-vote promises nothing";
    m2.grant("s1", at);
    EXPECT_FALSE(m2.ballots[0].request.pre_vote);
    EXPECT_EQ(m2.elector.memory().voted_for, node_id("m2"));
    EXPECT_FALSE(m2.election.leads());
    m2.grant("s1", at);
    EXPECT_EQ(m2.election.role(), Role::warmup);
    EXPECT_EQ(m2.election.term(), 8U);
    EXPECT_FALSE(m2.election.has_lease(at)) << "not before a majority has acknowledged a heartbeat";
}

TEST(Election, WithoutAMajorityNobodyLeadsAndTheTermDoesNotRise) {
    Node m2("m2", true);
    m2.hear("m1", 7, kStart);
    RawTime at = kStart;
    while (at < kStart + seconds{20}) at = m2.run(at + seconds{30});
    EXPECT_FALSE(m2.election.leads());
    EXPECT_EQ(m2.elector.term(), 7U);
}

TEST(Election, GrantsOfStrangersAndOfOtherTermsDoNotCount) {
    Node m2("m2", true);
    m2.hear("m1", 7, kStart);
    const RawTime at = m2.run(kStart + seconds{5});
    m2.election.on_grant(node_id("s9"), 8, {true, 1}, at);
    m2.election.on_grant(node_id("s1"), 8, {true, 99}, at);
    m2.election.on_grant(node_id("s1"), 7, {true, 1}, at);
    m2.election.on_grant(node_id("s1"), 8, {false, 1}, at);
    EXPECT_EQ(m2.elector.term(), 7U);
}

TEST(Election, VotesThatAreLateBecauseOfSlowDisksStillCount) {
    Node m2("m2", true);
    m2.hear("m1", 1, kStart);
    const RawTime asked = m2.run(kStart + seconds{5});
    m2.grant("s1", asked);  // the pre-vote
    ASSERT_FALSE(m2.ballots.at(0).request.pre_vote);
    const Term term = m2.ballots.at(0).term;
    RawTime now = asked;
    while (now < asked + milliseconds{450}) now = m2.run(asked + milliseconds{450});
    EXPECT_EQ(m2.ballots.at(0).term, term) << "no other term was begun meanwhile";
    m2.grant("s1", asked + milliseconds{450});
    EXPECT_EQ(m2.election.role(), Role::warmup);
    EXPECT_EQ(m2.election.term(), term);
}

TEST(Election, VoteThatAMajorityRefusesIsGivenUpAtOnce) {
    Node m2("m2", true);
    m2.hear("m1", 1, kStart);
    const RawTime asked = m2.run(kStart + seconds{5});
    m2.grant("s1", asked);
    const Term term = m2.ballots.at(0).term;
    const Refuse refusal{RefuseKind::vote, 0, *Reason::from("voted already")};
    m2.election.on_refusal(node_id("s1"), term - 1, refusal, asked);  // of an earlier question
    m2.election.on_refusal(node_id("stranger"), term, refusal, asked);
    m2.election.on_refusal(node_id("s1"), term, refusal, asked);
    EXPECT_TRUE(m2.election.seeks_vote_from(node_id("m1")));
    m2.election.on_refusal(node_id("m1"), term, refusal, asked);
    EXPECT_FALSE(m2.election.seeks_vote_from(node_id("m1")));
}

TEST(Election, LowerPriorityWaitsForTheHigherOnes) {
    Node m3("m3", true, {}, 10);
    CandidateInfo m1;
    m1.id = node_id("m1");
    m1.priority = 100;
    CandidateInfo m2 = m1;
    m2.id = node_id("m2");
    m2.priority = 50;
    m3.election.set_peers({m1, m2});
    m3.hear("m1", 1, kStart);
    const RawTime at = m3.run(kStart + seconds{5});
    EXPECT_GE(at - kStart, milliseconds{600}) << "m2 comes first; m1, the lost one, does not count";
    EXPECT_LE(at - kStart, milliseconds{650});
}

TEST(Election, LeaderThatNobodyAnswersLeadsNoLonger) {
    Node m2("m2", true);
    m2.hear("m1", 7, kStart);
    const RawTime at = m2.run(kStart + seconds{5});
    m2.grant("s1", at);
    m2.grant("s1", at);
    ASSERT_TRUE(m2.election.leads());
    RawTime t = at;
    while (m2.election.leads() && t < at + seconds{5}) {
        t = m2.election.next_deadline();
        static_cast<void>(m2.election.on_timer(t));
    }
    EXPECT_LE(t - at, milliseconds{600});
    EXPECT_EQ(m2.election.role(), Role::listen);
}

TEST(Election, LeaderStepsDownForAHigherTermOnly) {
    Node m1("m1");
    m1.run(kStart + seconds{3});
    const RawTime now = kStart + seconds{3};
    m1.hear("m2", 0, now);
    EXPECT_TRUE(m1.election.leads());
    m1.hear("m2", 2, now);
    EXPECT_EQ(m1.election.role(), Role::standby);
    EXPECT_EQ(m1.election.leader(), node_id("m2"));
    EXPECT_EQ(m1.election.term(), 2U);
}

TEST(Election, RefusalFromANewerTermEndsTheLeadership) {
    Node m1("m1");
    m1.run(kStart + seconds{3});
    ASSERT_TRUE(m1.election.leads());
    m1.election.on_term(9, NodeId{}, kStart + seconds{3});
    EXPECT_EQ(m1.election.role(), Role::listen);
    EXPECT_EQ(m1.election.term(), 9U);
}

TEST(Election, AStandbyThatHearsOfALaterTermFollowsNobodyUntilItHearsWhoseItIs) {
    Node m2("m2", true);
    m2.hear("m1", 7, kStart);
    const RawTime deadline = m2.election.next_deadline();
    m2.election.on_term(7, NodeId{}, kStart + milliseconds{1});
    EXPECT_EQ(m2.election.leader(), node_id("m1")) << "no later term";
    m2.election.on_term(8, NodeId{}, kStart + milliseconds{1});
    EXPECT_EQ(m2.election.leader(), NodeId{});
    EXPECT_EQ(m2.election.next_deadline(), deadline) << "a word of terms delays no election";
    m2.hear("m3", 8, kStart + milliseconds{2});
    EXPECT_EQ(m2.election.leader(), node_id("m3"));
}

TEST(Election, StaleWordOfASilentMasterDoesNotStopACampaign) {
    Node m2("m2", true);
    m2.hear("m1", 7, kStart);
    const RawTime at = m2.run(kStart + seconds{5});
    ASSERT_EQ(m2.election.role(), Role::candidate);
    m2.election.on_term(7, node_id("m1"), at);  // a slave that has not noticed yet
    EXPECT_EQ(m2.election.role(), Role::candidate);
}

TEST(Election, NamedSuccessorAsksForVotesAtOnceAndTheOthersWait) {
    for (const auto& [named, asks] : {std::pair{"m2", true}, std::pair{"m3", false}}) {
        Node m2("m2", true);
        m2.hear("m1", 1, kStart);
        const RawTime now = kStart + milliseconds{1};
        m2.elector.on_step_down(node_id("m1"), 1);
        m2.election.on_step_down(node_id("m1"), 1, StepDown{node_id(named)}, now);
        EXPECT_EQ(!m2.election.take_ballots().empty(), asks) << named;
    }
}

TEST(Election, FounderThatHandedOverKeepsTheCommitteeWhoseOnlyVoterItIs) {
    Node m1("m1");
    const RawTime now = m1.run(kStart + seconds{3});
    ASSERT_TRUE(m1.election.leads());
    m1.election.hand_over("asked to", now);
    m1.elector.on_step_down(node_id("m1"), 1);
    const VoteRequest request{.incarnation = 1, .committee_term = 1, .committee_version = 1};
    EXPECT_EQ(m1.elector.judge(node_id("m2"), 2, request, now), "");
    m1.election.on_term(2, NodeId{}, now);
    EXPECT_TRUE(m1.elector.is_voter()) << "its successor holds its lease by this voter";
}

TEST(Election, WhoeverIsAboutToLeaveStandsNoMoreNotEvenWhenNamedAndStillVotes) {
    Node m2("m2", true);
    m2.hear("m1", 1, kStart);
    m2.election.retire();
    m2.elector.on_step_down(node_id("m1"), 1);
    m2.election.on_step_down(node_id("m1"), 1, StepDown{node_id("m2")}, kStart);
    EXPECT_EQ(m2.run(kStart + seconds{10}), RawTime::max());
    const VoteRequest request{
        .incarnation = 1, .committee_term = three().term, .committee_version = three().version};
    EXPECT_EQ(m2.elector.judge(node_id("m1"), 2, request, kStart + seconds{10}), "");
    Node m1("m1");
    m1.election.retire();
    EXPECT_EQ(m1.run(kStart + seconds{10}), RawTime::max()) << "nor does it found a cluster";
}

TEST(Election, RestartedLoneMasterIsSilentForTimeoutAndLeaseAndThenTakesAHigherTerm) {
    Node m1("m1", false, {4, node_id("m1"), {4, 1, {{node_id("m1"), 1}}}});
    const RawTime at = m1.run(kStart + seconds{10});
    EXPECT_GE(at - kStart, milliseconds{900});
    EXPECT_EQ(m1.election.term(), 5U);
}

TEST(Election, RestartedMasterOfACommitteeFoundsNothing) {
    Node m1("m1", false, {4, node_id("m1"), three()});
    const RawTime at = m1.run(kStart + seconds{10});
    EXPECT_NE(at, RawTime::max());
    EXPECT_FALSE(m1.election.leads());
    EXPECT_TRUE(m1.ballots.at(0).request.pre_vote);
}

TEST(Election, MasterWithoutStateYieldsToTheClusterThatItsMembersRemember) {
    Node m1("m1", false);
    m1.run(kStart + seconds{3});
    ASSERT_TRUE(m1.election.leads());
    Committee theirs = three();
    theirs.voters[0].incarnation = 99;  // this node's earlier life
    m1.election.on_committee({node_id("s1"), 1}, theirs, 6, 4, kStart + seconds{3});
    m1.election.on_committee({node_id("x"), 1}, theirs, 6, 4, kStart + seconds{3});
    EXPECT_TRUE(m1.election.leads()) << "one voter of three, and a stranger to them, are not enough";
    m1.election.on_committee({theirs.voters[1].id, 1}, theirs, 6, 4, kStart + seconds{5});
    EXPECT_FALSE(m1.election.leads());
    EXPECT_EQ(m1.elector.committee(), theirs);
    m1.run(kStart + seconds{9});
    EXPECT_EQ(m1.ballots.at(0).term, 7U);
}

TEST(Election, AFounderBesideAClusterThatLivesIsNeverElectedThereByItselfAlone) {
    Node m1("m1", false);
    m1.run(kStart + seconds{3});
    ASSERT_TRUE(m1.election.leads());
    // A member's greeting: it follows m2 in a later term, and knows no committee.
    m1.election.on_term(2, node_id("m2"), kStart + seconds{3});
    EXPECT_FALSE(m1.election.leads());
    EXPECT_EQ(m1.elector.committee(), Committee{}) << "of itself alone it would have elected itself";
    EXPECT_EQ(m1.run(kStart + seconds{4}), RawTime::max());
}

TEST(Election, AVoterThatSawATermWithoutVotingInItMayStillVote) {
    Elector elector({.id = node_id("s1"), .incarnation = 1},
                    {.term = 3, .voted_for = {}, .committee = three()}, kStart);
    elector.observe(4);
    const VoteRequest request{
        .incarnation = 1, .committee_term = three().term, .committee_version = three().version};
    EXPECT_EQ(elector.judge(node_id("m2"), 4, request, kStart + seconds{5}), "");
    EXPECT_EQ(elector.judge(node_id("m1"), 4, request, kStart + seconds{5}), "voted already");
}

TEST(Election, VotersThatDoNotExistAreNotPutInTheWayOfANewMasterByOneSlave) {
    const Committee ghosts{5, 1, {{node_id("g1"), 1}, {node_id("g2"), 1}, {node_id("g3"), 1}}};
    const Committee itself{5, 1, {{node_id("liar"), 1}}};
    for (const Committee& told : {ghosts, itself}) {
        Node m1("m1", false);
        for (RawTime at = kStart; at < kStart + seconds{2}; at += std::chrono::milliseconds{250}) {
            m1.election.on_committee({node_id("liar"), 1}, told, 5, 4, at);
        }
        EXPECT_EQ(m1.elector.committee(), Committee{});
        EXPECT_NE(m1.run(kStart + seconds{10}), RawTime::max());
        EXPECT_TRUE(m1.election.leads()) << "it founds when the word is not repeated";
        m1.election.on_committee({node_id("liar"), 1}, told, 5, 4, kStart + seconds{11});
        EXPECT_TRUE(m1.election.leads());
    }
}

TEST(Election, ACommitteeOfATermThatNobodyKnowsIsNotLearnt) {
    Committee forged = three();
    forged.term = 1'000'000;
    Node m2("m2", true, {.term = 3, .voted_for = {}, .committee = three()});
    m2.election.on_committee({node_id("s1"), 1}, forged, 3, 4, kStart);
    EXPECT_EQ(m2.elector.committee(), three());
}

TEST(Election, CommitteeOfATermTooFarAheadIsNobodysCluster) {
    // A fresh candidate takes its members' word for the cluster; one that no election can ever follow is
    // none.
    for (const Term term : {kTermMax, kTermFirstMax + 1}) {
        Node m1("m1");
        m1.election.on_committee({node_id("s1"), 1}, {term, 1, three().voters}, 1, 4, kStart);
        EXPECT_EQ(m1.elector.committee(), Committee{});
        EXPECT_NE(m1.run(kStart + seconds{5}), RawTime::max());
        EXPECT_EQ(m1.election.role(), Role::warmup);
    }
}

TEST(Election, StandbyLearnsOfALaterCommitteeWhenMostVotersTellTheSame) {
    const ElectorMemory memory{.term = 1, .voted_for = {}, .committee = three()};
    const Committee later{1, 5, {{node_id("m1"), 1}, {node_id("s1"), 1}, {node_id("s2"), 1}}};
    const Committee forged{1, 9, {{node_id("s1"), 1}}};
    const Voter m1{node_id("m1"), 1};
    const Voter s1{node_id("s1"), 1};
    Node m2("m2", true, memory);
    m2.election.on_committee(s1, forged, 1, 4, kStart);
    m2.election.on_committee(s1, later, 1, 4, kStart);
    m2.election.on_committee({node_id("m1"), 2}, later, 1, 4, kStart);  // nor is another life of one
    m2.election.on_committee(m1, forged, 1, 4, kStart);
    m2.election.on_committee({node_id("s3"), 1}, later, 1, 4, kStart);  // nor a voter of either
    EXPECT_EQ(m2.elector.committee(), three()) << "one voter's word is not enough";
    m2.election.on_committee(m1, later, 1, 4, kStart);
    EXPECT_EQ(m2.elector.committee(), later);
    // Now it asks the right voters, and with a committee that they need not refuse.
    m2.run(kStart + seconds{5});
    ASSERT_EQ(m2.ballots.size(), 3U);
    EXPECT_EQ(m2.ballots[0].request.committee_version, 5U);
}

TEST(Election, CommitteeIsLearntFromItsOwnMajorityWhereThatHasOneOfThoseKnown) {
    // m1 is dead, m2 is this node: nobody else of three is left but s1.
    const Committee later{1, 5, {{node_id("m1"), 1}, {node_id("s1"), 1}, {node_id("s2"), 1}}};
    const Committee alone{1, 9, {{node_id("s1"), 1}}};
    Node m2("m2", true, {.term = 1, .voted_for = {}, .committee = three()});
    for (const char* id : {"s2", "s3"}) m2.election.on_committee({node_id(id), 1}, later, 1, 4, kStart);
    m2.election.on_committee({node_id("s1"), 1}, alone, 1, 4, kStart);
    EXPECT_EQ(m2.elector.committee(), three());
    m2.election.on_committee({node_id("s1"), 1}, later, 1, 4, kStart);
    EXPECT_EQ(m2.elector.committee(), later);
}

TEST(Election, SameVotersUnderALaterTermAreLearntFromOneOfThreeWhileNoMasterIsHeard) {
    Committee issued = three();
    issued.term = 2;
    issued.version = 1;
    Node m2("m2", true, {.term = 1, .voted_for = {}, .committee = three()});
    m2.hear("m1", 1, kStart);
    m2.election.on_term(2, NodeId{}, kStart);
    m2.election.on_committee({node_id("s1"), 1}, issued, 2, 4, kStart);
    EXPECT_EQ(m2.elector.committee(), three()) << "m1 would tell";
    m2.run(kStart + seconds{1});
    m2.election.on_committee({node_id("s1"), 1}, issued, 2, 4, kStart + seconds{1});
    EXPECT_EQ(m2.elector.committee(), issued);
}

TEST(Election, WordsOfFormerVotersAboutACommitteeDoNotAddUp) {
    const auto with = [](std::uint64_t version, const char* last) {
        return Committee{1,
                         version,
                         {{node_id("m1"), 1},
                          {node_id("m2"), 1},
                          {node_id("s1"), 1},
                          {node_id("s2"), 1},
                          {node_id(last), 1}}};
    };
    const Committee forged{1, 99, {{node_id("x"), 1}}};
    Node m2("m2", true, {.term = 1, .voted_for = {}, .committee = with(1, "l1")});
    std::uint64_t version = 1;
    for (const char* liar : {"l1", "l2", "l3", "l4"}) {
        m2.elector.adopt(with(++version, liar));
        m2.election.on_committee({node_id(liar), 1}, forged, 1, 5,
                                 kStart);  // one liar of five, 4, at any time
        EXPECT_EQ(m2.elector.committee(), with(version, liar));
    }
}

TEST(Election, CommitteeOfAnEarlierTermIsLearntWhereItIsNewerThanTheOneKnown) {
    // Its leader was elected, and issued it, though this node knows a later term by now.
    const Committee later{3, 9, {{node_id("m1"), 1}, {node_id("s1"), 1}, {node_id("s2"), 1}}};
    Node m2("m2", true, {.term = 4, .voted_for = {}, .committee = three()});
    for (const char* id : {"m1", "s1"}) m2.election.on_committee({node_id(id), 1}, later, 4, 4, kStart);
    EXPECT_EQ(m2.elector.committee(), later);
    EXPECT_EQ(m2.elector.term(), 4U);
}

TEST(Election, FounderThatMustStillBeSilentLeavesNoClusterOfItsOwn) {
    // It knows a term but no committee, and D + L is longer than it waits before it founds.
    Elector elector(
        {.id = node_id("m1"), .incarnation = 1, .timeout = seconds{2}, .lease = milliseconds{1600}},
        {.term = 5, .voted_for = {}, .committee = {}}, kStart);
    Election election({}, elector, Prng{1}, kStart);
    const RawTime at = election.next_deadline();
    EXPECT_FALSE(election.on_timer(at));
    EXPECT_FALSE(election.leads());
    EXPECT_EQ(elector.committee(), Committee{});
    Committee theirs = three();
    theirs.voters[0].incarnation = 99;
    for (const NodeId& id : {node_id("s1"), theirs.voters[1].id, node_id("s1")}) {
        election.on_committee({id, 1}, theirs, 5, 4,
                              at + (id == node_id("s1") ? milliseconds{1} : milliseconds{1300}));
    }
    EXPECT_EQ(elector.committee(), theirs) << "the members' cluster, not one beside it";
}

TEST(Election, OfTwoFoundersThatHearEachOtherOneTakesALaterTermAndTheOtherFollows) {
    Node m1("m1");
    Node m2("m2");
    const RawTime at = std::max(m1.run(kStart + seconds{5}), m2.run(kStart + seconds{5}));
    ASSERT_TRUE(m1.election.leads() && m2.election.leads());
    Heartbeat alone = beat();
    alone.committee = {1, 1, {{node_id("mx"), 1}}};
    alone.priority = 100;
    m2.hear("m1", 1, at, alone);
    EXPECT_TRUE(m2.election.leads()) << "until m1 has heard of it: a term that m2 began would need a third";
    m1.hear("m2", 1, at, alone);
    EXPECT_EQ(m1.election.term(), 2U);
    EXPECT_TRUE(m1.election.leads()) << "its only voter is itself";
    m2.hear("m1", 2, at + milliseconds{1});
    EXPECT_FALSE(m2.election.leads());
    EXPECT_EQ(m2.elector.committee(), Committee{});
    EXPECT_EQ(m2.election.term(), 2U);
    EXPECT_EQ(m2.election.leader(), node_id("m1"));
}

TEST(Election, AFounderWhoseRivalDoesNotHearItStepsDownInTheEnd) {
    Node m2("m2");
    const RawTime at = m2.run(kStart + seconds{5});
    ASSERT_TRUE(m2.election.leads());
    Heartbeat alone = beat();
    alone.committee = {1, 1, {{node_id("m1"), 1}}};
    alone.priority = 100;
    for (Duration t{0}; t <= seconds{2}; t += milliseconds{100}) m2.hear("m1", 1, at + t, alone);
    EXPECT_FALSE(m2.election.leads());
    EXPECT_EQ(m2.elector.term(), 2U) << "which its refusals of m1's heartbeats tell";
    EXPECT_EQ(m2.elector.committee(), Committee{});
}

TEST(Election, OfTwoFoundersTheOneOfHigherPriorityTakesTheLaterTerm) {
    Node m1("m1", false, {}, 50);
    Node m2("m2", false, {}, 100);
    const RawTime at = std::max(m1.run(kStart + seconds{5}), m2.run(kStart + seconds{5}));
    const Committee alone{1, 1, {{node_id("mx"), 1}}};
    m1.election.on_rival(node_id("m2"), 100, 1, alone, at);
    m2.election.on_rival(node_id("m1"), 50, 1, alone, at);
    EXPECT_EQ(m1.election.term(), 1U);
    EXPECT_EQ(m2.election.term(), 2U);
    m2.election.on_rival(node_id("m1"), 50, 1, alone, at);
    EXPECT_EQ(m2.election.term(), 2U) << "that was of its last term";
}

TEST(Election, ACandidateFoundsNothingWhereItsMembersFollowAnotherOrRememberOtherVoters) {
    const MemberViews follow{.greeted = 5, .follow_others = 2, .leader = node_id("m1")};
    const MemberViews remember{.greeted = 5, .remember_others = 2, .committee = three()};
    const MemberViews few{.greeted = 6, .follow_others = 1, .remember_others = 1, .leader = node_id("m1")};
    for (const auto& [views, founds, said] :
         {std::tuple{follow, false, "2 of 5 members follow m1"},
          std::tuple{remember, false, "2 of 5 members remember a cluster with the voters m1 m2 s1"},
          std::tuple{few, true, ""}}) {
        Node m2("m2");
        std::string notice;
        for (RawTime at = kStart; at < kStart + seconds{60} && !m2.election.leads();) {
            at = m2.election.next_deadline();
            if (m2.election.about_to_found(at)) m2.election.set_views(views);
            static_cast<void>(m2.election.on_timer(at));
            if (notice.empty()) notice = m2.election.take_notice();
        }
        EXPECT_EQ(m2.election.leads(), founds);
        EXPECT_NE(notice.find(said), std::string::npos) << notice;
    }
}

TEST(Election, ACandidateThatNobodyElectsSaysWhoIsMissingAndOnlyNowAndThen) {
    Node m2("m2", true, {.term = 3, .voted_for = {}, .committee = three()});
    std::vector<std::string> notices;
    std::size_t asked = 0;
    for (RawTime at = kStart; at < kStart + seconds{120};) {
        at = m2.election.next_deadline();
        static_cast<void>(m2.election.on_timer(at));
        if (!m2.election.take_ballots().empty()) ++asked;
        if (m2.election.seeks_vote_from(node_id("s1"))) {
            m2.election.on_refusal(
                node_id("s1"), 3,
                {RefuseKind::pre_vote, 0, *Reason::from("a master is heard, or was of late")}, at);
        }
        if (auto notice = m2.election.take_notice(); !notice.empty()) notices.push_back(std::move(notice));
    }
    ASSERT_EQ(notices.size(), 1U) << "as nothing changed";
    EXPECT_EQ(
        notices[0],
        "not elected: 2 of 3 voters must agree; agreed: m2; refused: s1 (a master is heard, or was of "
        "late); no answer from: m1 (start them again, or give them up with berkeleyctl force-bootstrap)");
    EXPECT_EQ(m2.election.role(), Role::candidate) << "and its role does not flicker";
    EXPECT_GT(asked, 20U);
}

TEST(Election, AFounderThatYieldsForgetsACommitteeOfItselfAloneAndNoOther) {
    const auto with = [](const char* id, const char* slave) {
        return Committee{1, 3, {{node_id(id), 1}, {node_id(slave), 1}, {node_id("s0"), 1}}};
    };
    Node m2("m2");
    const RawTime at = m2.run(kStart + seconds{5});
    m2.election.on_warm();
    m2.elector.adopt(with("m2", "s2"));
    Heartbeat theirs = beat();
    theirs.committee = with("m1", "s1");
    m2.election.on_heartbeat(node_id("m1"), 1, theirs, at);
    EXPECT_FALSE(m2.election.leads()) << "of two that others have joined the first name leads";
    EXPECT_EQ(m2.elector.term(), 2U);
    EXPECT_EQ(m2.elector.committee(), with("m2", "s2")) << "its voters remember it";
    const VoteRequest older{.incarnation = 1, .committee_term = 1, .committee_version = 2};
    EXPECT_EQ(m2.elector.judge(node_id("m3"), 3, older, at + seconds{1}), "the committee is newer here");
}

TEST(Election, StandbyIsNoLeaderToFollow) {
    Node m1("m1");
    m1.hear("m2", 9, kStart, beat(Role::standby));
    EXPECT_EQ(m1.election.role(), Role::listen);
}

}  // namespace
}  // namespace berkeley
