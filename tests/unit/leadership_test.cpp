#include "election/leadership.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(5'000'000'000);
constexpr Duration kBeat = milliseconds{100};
const ElectorOptions kSelf{node_id("m1"), 1};

Voter voter(const char* id, Incarnation incarnation = 1) { return {node_id(id), incarnation}; }

class LeadershipTest : public ::testing::Test {
protected:
    void begin(std::vector<Voter> voters) {
        leadership_.begin(kSelf, kBeat, 4, {3, 9, std::move(voters)}, now_);
    }

    /// One heartbeat, acknowledged by these 1 ms later; then the time of the next.
    void beat(const std::vector<Voter>& acknowledging, bool knows_committee = true) {
        leadership_.change(now_, false);
        beat_alone(acknowledging, knows_committee);
    }
    /// Without a change of the committee.
    void beat_alone(const std::vector<Voter>& acknowledging, bool knows_committee = true) {
        const std::uint64_t sequence = leadership_.beat(now_);
        for (const Voter& v : acknowledging) {
            const Committee& c = leadership_.committee();
            const Ack ack{sequence, v.incarnation, knows_committee ? c.term : 0,
                          knows_committee ? c.version : 0};
            leadership_.on_ack(v.id, ack, v.id.view().front() == 'm', now_ + milliseconds{1});
        }
        last_ = now_;
        now_ += kBeat;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const Voter& v : leadership_.committee().voters) result.push_back(v.id.str());
        return result;
    }

    Leadership leadership_;
    RawTime now_ = kStart;
    RawTime last_ = kStart;
};

using Names = std::vector<std::string>;

TEST_F(LeadershipTest, LeaseIsTheSendTimeThatAMajorityAcknowledgedPlusL) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    leadership_.beat(now_);
    EXPECT_FALSE(leadership_.has_lease(now_)) << "nobody has answered";
    beat({voter("m2")});
    EXPECT_EQ(leadership_.lease_until(), last_ + milliseconds{400});
    const RawTime first = last_;
    beat({});
    beat({});
    EXPECT_EQ(leadership_.lease_until(), first + milliseconds{400}) << "its own beats renew nothing";
    EXPECT_TRUE(leadership_.lost(first + milliseconds{500}));
}

TEST_F(LeadershipTest, OnlyVoterNeedsNobodysLeave) {
    begin({voter("m1")});
    EXPECT_TRUE(leadership_.has_lease(kStart + seconds{1000}));
    EXPECT_FALSE(leadership_.lost(kStart + seconds{1000}));
}

TEST_F(LeadershipTest, AnotherIncarnationIsNotTheVoter) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    beat({voter("m2", 99), voter("s1", 99)});
    EXPECT_EQ(leadership_.lease_until(), RawTime::min());
}

TEST_F(LeadershipTest, ForgedAcknowledgementsOfHeartbeatsNeverSentCountForNothing) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    leadership_.beat(now_);
    leadership_.on_ack(node_id("m2"), {1'000, 1, 4, 1}, true, now_);
    leadership_.on_ack(node_id("m2"), {0, 1, 4, 1}, true, now_);
    EXPECT_EQ(leadership_.lease_until(), RawTime::min());
}

TEST_F(LeadershipTest, PredecessorsCommitteeIsConfirmedUnderTheOwnTermBeforeAnythingChanges) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    EXPECT_EQ(leadership_.committee().term, 4U);
    for (int i = 0; i < 10; ++i) beat({voter("m2"), voter("s1"), voter("s2"), voter("s3")}, false);
    EXPECT_EQ(leadership_.committee().version, 1U);
    beat({voter("m2"), voter("s1"), voter("s2"), voter("s3")});
    beat({voter("m2"), voter("s1"), voter("s2"), voter("s3")});
    EXPECT_GT(leadership_.committee().version, 1U);
}

TEST_F(LeadershipTest, GrowsOneByOneCandidatesFirstToFiveAndStaysOdd) {
    begin({voter("m1")});
    const std::vector<Voter> all{voter("m2"), voter("s1"), voter("s2"),
                                 voter("s3"), voter("s4"), voter("s5")};
    std::size_t before = 1;
    for (int i = 0; i < 20; ++i) {
        beat(all);
        ASSERT_LE(leadership_.committee().voters.size(), before + 1);
        before = leadership_.committee().voters.size();
    }
    EXPECT_EQ(names(), (Names{"m1", "m2", "s1", "s2", "s3"}));
}

TEST_F(LeadershipTest, TwoCandidatesAloneDoNotBecomeTwoVotersThatBothAreNeeded) {
    begin({voter("m1")});
    for (int i = 0; i < 20; ++i) beat({voter("m2")});
    EXPECT_EQ(names(), (Names{"m1"}));
    for (int i = 0; i < 20; ++i) beat({voter("m2"), voter("s1")});
    EXPECT_EQ(names(), (Names{"m1", "m2", "s1"}));
}

TEST_F(LeadershipTest, LeaderOutsideACommitteeOfItsPredecessorAloneTakesItsPlaceOneVoterAtATime) {
    begin({voter("m2")});
    std::vector<Names> seen;
    for (int i = 0; i < 20; ++i) {
        beat({voter("m2")});
        if (seen.empty() || seen.back() != names()) seen.push_back(names());
    }
    EXPECT_EQ(seen, (std::vector<Names>{{"m2"}, {"m2", "m1"}, {"m1"}}));
}

TEST_F(LeadershipTest, LeaderOutsideAFullCommitteeOfCandidatesIsTakenInAndTheNumberStaysOdd) {
    begin({voter("m2"), voter("m3"), voter("m4")});
    for (int i = 0; i < 20; ++i) beat({voter("m2"), voter("m3"), voter("m4")});
    EXPECT_EQ(names(), (Names{"m2", "m3", "m1"}));
}

TEST_F(LeadershipTest, IsSparedWhereTheOtherVotersThatAnswerAreAMajority) {
    begin({voter("m1")});
    beat_alone({voter("m2")});
    EXPECT_FALSE(leadership_.others_are_majority(now_)) << "whoever is no voter elects nobody";
    begin({voter("m1"), voter("m2")});
    beat_alone({voter("m2")});
    EXPECT_FALSE(leadership_.others_are_majority(now_));
    begin({voter("m1"), voter("m2"), voter("s1")});
    beat_alone({voter("m2"), voter("s1")});
    EXPECT_TRUE(leadership_.others_are_majority(now_));
    EXPECT_FALSE(leadership_.others_are_majority(now_ + milliseconds{500})) << "nobody has answered for D";
    beat_alone({voter("m2"), voter("s1", 99)});
    EXPECT_FALSE(leadership_.others_are_majority(now_ + milliseconds{450}))
        << "another incarnation is another node";
}

TEST_F(LeadershipTest, OnlyCandidateIsTheOnlyVoterSoThatNoSlaveCanStopTheCluster) {
    begin({voter("m1")});
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(leadership_.change(now_, true));
        beat_alone({voter("s1"), voter("s2"), voter("s3")});
    }
    EXPECT_EQ(names(), (Names{"m1"}));
}

TEST_F(LeadershipTest, DeadVoterIsReplacedByALearner) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    for (int i = 0; i < 5; ++i) beat({voter("m2"), voter("s1")});
    for (int i = 0; i < 40; ++i) beat({voter("m2"), voter("s2")});
    EXPECT_EQ(names(), (Names{"m1", "m2", "s2"}));
}

TEST_F(LeadershipTest, WithEightCandidatesThereAreNineVotersAndADeadOneIsReplacedThereToo) {
    begin({voter("m1")});
    std::vector<Voter> all;
    for (const char* id : {"m2", "m3", "m4", "m5", "m6", "m7", "m8", "s1", "s2"}) all.push_back(voter(id));
    std::size_t before = 1;
    for (int i = 0; i < 60; ++i) {
        beat(all);
        EXPECT_LE(leadership_.committee().voters.size(), before + 1) << "one at a time";
        before = leadership_.committee().voters.size();
    }
    EXPECT_EQ(names(), (Names{"m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "s1"}));
    std::erase(all, voter("s1"));
    for (int i = 0; i < 60; ++i) beat(all);
    EXPECT_EQ(names(), (Names{"m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "s2"}));
}

TEST_F(LeadershipTest, VoterThatLostItsStateIsSwappedInAnew) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    for (int i = 0; i < 20; ++i) beat({voter("m2"), voter("s1", 77)});
    EXPECT_EQ(leadership_.committee().voters.size(), 3U);
    EXPECT_TRUE(contains(leadership_.committee(), node_id("s1"), 77));
    EXPECT_FALSE(contains(leadership_.committee(), node_id("s1"), 1));
}

TEST_F(LeadershipTest, WithoutALeaseNothingChanges) {
    begin({voter("m1"), voter("m2"), voter("s1")});
    for (int i = 0; i < 5; ++i) beat({voter("m2"), voter("s1")});
    const std::uint64_t version = leadership_.committee().version;
    for (int i = 0; i < 40; ++i) beat({});
    EXPECT_EQ(leadership_.committee().version, version);
}

}  // namespace
}  // namespace berkeley
