// Takeovers in virtual time: what the loss of each node leaves, and how quickly.

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "tests/sim/watched_test.hpp"

namespace berkeley::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Takeover : public WatchedTest {
protected:
    NodeSpec slave(int i, int /*candidates*/) const override {
        return {
            .id = "s" + std::to_string(i), .offset = seconds{i}, .drift_ppm = -5.0 * i, .masters = {"m1"}};
    }
    /// How long until that node has applied a correction of a term above `term`.
    Duration corrected_after(const char* id, Term term) {
        const TrueTime from = cluster_->now();
        static_cast<void>(
            until([&] { return cluster_->slave(id).applied_term() > term; }, seconds{3}, milliseconds{1}));
        return cluster_->now() - from;
    }
    using Names = std::vector<std::string>;
    /// Of the committee that this node knows.
    Names voters(const char* id) const {
        Names names;
        for (const Voter& voter : cluster_->slave(id).elector().committee().voters)
            names.push_back(voter.id.str());
        return names;
    }
};

TEST_F(Takeover, TwoMastersAndOneSlaveSurviveTheLossOfAnyOne) {
    for (const std::string lost : {"m1", "m2", "s0"}) {
        build(2, 1);
        ASSERT_EQ(cluster_->candidate("m1").election().leadership().committee().voters.size(), 3U);
        cluster_->kill(lost);
        run(seconds{6});
        const char* master = lost == "m1" ? "m2" : "m1";
        EXPECT_TRUE(leads(master)) << "without " << lost;
        for (const std::string id : {"m1", "m2", "s0"}) {
            if (id == lost) continue;
            EXPECT_EQ(cluster_->slave(id).discipline().status(), ClockStatus::synchronized)
                << id << " without " << lost;
        }
    }
}

TEST_F(Takeover, TwoMastersWithoutSlavesHaveNoSecondMaster) {
    build(2, 0);
    cluster_->kill("m1");
    run(seconds{20});
    EXPECT_FALSE(cluster_->candidate("m2").election().leads());
    EXPECT_EQ(cluster_->slave("m2").discipline().status(), ClockStatus::holdover);
}

TEST_F(Takeover, LossOfTheOnlyStandbyStopsNobody) {
    build(2, 0);
    cluster_->kill("m2");
    run(seconds{10});
    EXPECT_TRUE(leads("m1"));
}

TEST_F(Takeover, FirstCorrectionOfTheNewTermComesWithinASecondOfAKillAtAnyPhase) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        build(2, 8, seed);
        run(milliseconds{5} * static_cast<int>(seed));
        cluster_->kill("m1");
        for (const char* id : {"s0", "s7"})
            EXPECT_LE(corrected_after(id, 1), milliseconds{900}) << "seed " << seed;
        run(seconds{1});
        EXPECT_LT(cluster_->spread(), microseconds{20}) << "seed " << seed;
    }
}

TEST_F(Takeover, WaitsForTheDisksOnceOnly) {
    // The votes are written, by candidate and voters at the same time; nothing else that a takeover needs is.
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SimOptions options;
        options.save_takes = milliseconds{100};
        build(2, 8, seed, options);
        cluster_->kill("m1");
        const auto is_candidate = [&] {
            return cluster_->candidate("m2").election().role() == Role::candidate;
        };
        ASSERT_TRUE(cluster_->run_until(is_candidate, seconds{1})) << "seed " << seed;
        const TrueTime asked = cluster_->now();
        for (const char* id : {"s0", "s3", "s7"}) corrected_after(id, 1);
        // The first round's polls, 5 ms apart, take another 36 ms.
        EXPECT_LT(cluster_->now() - asked, 2 * options.save_takes) << "seed " << seed;
        run(seconds{3});
        EXPECT_TRUE(leads("m2"));
    }
}

TEST_F(Takeover, PlannedHandOverWaitsForNoTimeout) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        build(2, 4, seed);
        cluster_->stop("m1");
        for (const char* id : {"s0", "s3"})
            EXPECT_LE(corrected_after(id, 1), milliseconds{150}) << "seed " << seed;
        EXPECT_TRUE(leads("m2"));
    }
}

TEST_F(Takeover, OfTwoMastersWithoutSlavesTheStandbyLeadsAloneWhenTheMasterIsAskedToStop) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        build(2, 0, seed);
        run(milliseconds{7} * static_cast<int>(seed));
        cluster_->stop("m1");
        EXPECT_TRUE(cluster_->run_until([&] { return !cluster_->alive("m1"); }, milliseconds{700}))
            << "seed " << seed;
        run(seconds{5});
        EXPECT_TRUE(leads("m2")) << "seed " << seed;
        EXPECT_EQ(voters("m2"), Names{"m2"});
        EXPECT_EQ(cluster_->slave("m2").discipline().status(), ClockStatus::synchronized);
        // From here the two have changed places.
        cluster_->restart("m1", true);
        run(seconds{5});
        EXPECT_EQ(cluster_->candidate("m1").election().role(), Role::standby);
        cluster_->kill("m2");
        run(seconds{5});
        EXPECT_FALSE(cluster_->candidate("m1").election().leads()) << "m2 may be the one that is cut off";
    }
}

TEST_F(Takeover, OfTwoMastersWithoutSlavesWhoeverLeadsIsTheOnlyVoterAlsoAfterAStepDown) {
    build(2, 0);
    cluster_->step_down("m1");
    run(seconds{3});
    EXPECT_TRUE(leads("m2"));
    EXPECT_EQ(voters("m2"), Names{"m2"});
    EXPECT_EQ(voters("m1"), Names{"m2"});
    cluster_->kill("m1");
    run(seconds{5});
    EXPECT_TRUE(leads("m2")) << "it needs nobody";
}

TEST_F(Takeover, MasterAskedToStopWhileOneOfThreeVotersIsDeadLeavesACommitteeThatCanLead) {
    // Dead for D, so that the master can know, until after its removal.
    for (const Duration dead_for : {milliseconds{600}, milliseconds{1400}, milliseconds{1600},
                                    milliseconds{1700}, milliseconds{3000}}) {
        build(2, 1);
        cluster_->kill("s0");
        run(dead_for);
        cluster_->stop("m1");
        run(seconds{8});
        EXPECT_FALSE(cluster_->alive("m1"));
        EXPECT_TRUE(leads("m2")) << "dead for " << dead_for.count() / 1'000'000 << " ms";
    }
}

TEST_F(Takeover, MasterAskedToStopWaitsForNoVoterThatIsLeft) {
    build(2, 1);
    cluster_->stop("m1");
    EXPECT_FALSE(cluster_->alive("m1")) << "a standby and a slave elect";
    build(1, 3);
    cluster_->stop("m1");
    EXPECT_FALSE(cluster_->alive("m1")) << "nobody could succeed";
    build(2, 0);
    cluster_->stop("m1");
    EXPECT_TRUE(cluster_->alive("m1"));
    cluster_->stop("m2");
    run(milliseconds{100});
    EXPECT_FALSE(cluster_->alive("m1")) << "its successor is gone, too";
}

TEST_F(Takeover, MasterAskedToStopLeavesInTheEndWhereItsSuccessorHangsAndLeadsAgainWhenItIsBack) {
    build(2, 0);
    cluster_->pause("m2");
    cluster_->stop("m1");
    run(seconds{2});
    ASSERT_TRUE(cluster_->alive("m1"));
    EXPECT_FALSE(cluster_->candidate("m1").election().leads()) << "it must not take back what it gave";
    run(seconds{1});
    EXPECT_FALSE(cluster_->alive("m1"));
    cluster_->restart("m1", true);
    run(seconds{5});
    EXPECT_TRUE(leads("m1"));
    cluster_->resume("m2");
    run(seconds{5});
    EXPECT_EQ(cluster_->candidate("m2").election().role(), Role::standby);
}

TEST_F(Takeover, OfTwoMastersThatDieWhileTheyChangePlacesOneLeadsAgainWhenBothAreBack) {
    // Killed in every step of the hand-over, the old one or the new one, and started again.
    for (const std::string victim : {"m1", "m2"}) {
        for (Duration after{0}; after < milliseconds{600}; after += milliseconds{20}) {
            build(2, 0);
            cluster_->stop("m1");
            run(after);
            cluster_->kill(victim);
            run(seconds{3});
            for (const char* id : {"m1", "m2"}) {
                if (!cluster_->alive(id)) cluster_->restart(id, true);
            }
            run(seconds{6});
            EXPECT_TRUE(leads("m1") || leads("m2"))
                << victim << " after " << after.count() / 1'000'000 << " ms";
        }
    }
}

TEST_F(Takeover, MasterCutOffStopsCorrectingWithinItsLeaseAndFollowsWhenHealed) {
    build(3, 4);
    const TrueTime cut = cluster_->now();
    for (const char* other : {"m2", "m3", "s0", "s1", "s2", "s3"}) cluster_->cut("m1", other);
    ASSERT_TRUE(cluster_->run_until(
        [&] { return !cluster_->candidate("m1").election().has_lease(cluster_->raw(0)); }, seconds{2}));
    EXPECT_LE(cluster_->now() - cut, milliseconds{400});
    run(seconds{10});
    EXPECT_TRUE(leads("m2"));
    EXPECT_EQ(cluster_->slave("m1").discipline().status(), ClockStatus::holdover);
    const Duration bound = cluster_->slave("m1").discipline().bound(cluster_->raw(0));
    run(seconds{1});
    EXPECT_GT(cluster_->slave("m1").discipline().bound(cluster_->raw(0)), bound) << "it grows";
    const std::size_t disruptions = cluster_->slave("m1").discipline().disruptions();
    cluster_->network().heal();
    run(seconds{10});
    EXPECT_EQ(cluster_->candidate("m1").election().role(), Role::standby);
    EXPECT_EQ(cluster_->slave("m1").discipline().status(), ClockStatus::synchronized);
    EXPECT_EQ(cluster_->slave("m1").discipline().disruptions(), disruptions) << "without a step";
}

TEST_F(Takeover, TwoFoundersThatCouldNotHearEachOtherBecomeOneClusterWhenTheyDo) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        invariants_.reset();  // nobody can keep two founders apart
        cluster_ = std::make_unique<SimCluster>(seed, SimOptions{});
        for (const std::string id : {"m1", "m2"}) {
            cluster_->add({.id = id, .candidate = true, .masters = {id == "m1" ? "m2" : "m1"}});
        }
        // Each side with voters of its own, and slaves that know both. Of four clocks against four none would
        // be right.
        cluster_->cut("m1", "m2");
        const int with_m1 = std::array{0, 1, 5, 6}[seed % 4];
        for (int i = 0; i < 6; ++i) {
            const std::string id = "s" + std::to_string(i);
            cluster_->add({.id = id, .drift_ppm = -5.0 * i, .masters = {"m1", "m2"}});
            cluster_->cut(id, i < with_m1 ? "m2" : "m1");
        }
        cluster_->run_for(seconds{10});
        ASSERT_TRUE(leads("m1") && leads("m2"));
        cluster_->network().heal();
        cluster_->run_for(seconds{2});
        for (int i = 0; i < 2'000; ++i) {
            cluster_->run_for(milliseconds{5});
            ASSERT_FALSE(leads("m1") && leads("m2")) << "seed " << seed;
        }
        EXPECT_LT(cluster_->spread(), microseconds{20}) << "seed " << seed;
        const std::string master = leads("m1") ? "m1" : "m2";
        EXPECT_EQ(cluster_->candidate(master).election().leadership().committee().voters.size(), 5U)
            << "seed " << seed;
        cluster_->kill(master);
        cluster_->run_for(seconds{5});
        EXPECT_TRUE(leads(master == "m1" ? "m2" : "m1")) << "seed " << seed;
    }
}

TEST_F(Takeover, ListenerThatMissesARoundStaysOneAndOneThatMissesTwoDoesNot) {
    build(2, 8);
    std::set<std::string> mute;
    std::vector<std::string> changes;
    cluster_->tap = [&](const std::string& from, const std::string& to, Message& message) {
        if (std::holds_alternative<Reply>(message.body)) return !mute.contains(from);
        if (const auto* welcome = std::get_if<Welcome>(&message.body);
            welcome && from == "m1" && to[0] == 's') {
            changes.push_back(to + (welcome->listen ? " listens" : " does not"));
        }
        return true;
    };
    const auto rounds = [&](Round n) {
        const Round end = cluster_->candidate("m1").master().round() + n;
        cluster_->run_until([&] { return cluster_->candidate("m1").master().round() == end; }, seconds{5});
    };
    rounds(1);
    cluster_->run_for(milliseconds{200});  // between two rounds
    mute = {"s0", "s1", "s2"};
    rounds(1);
    cluster_->run_for(milliseconds{200});
    mute.clear();
    rounds(2);
    EXPECT_EQ(changes, std::vector<std::string>{});
    cluster_->run_for(milliseconds{200});
    mute = {"s0"};
    rounds(2);
    cluster_->run_for(milliseconds{200});
    EXPECT_EQ(changes.at(0), "s0 does not");
    run(seconds{5});
}

TEST_F(Takeover, TwoFoundersWithVotersOfTheirOwnBecomeOneClusterAndNobodyForgetsACommittee) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        invariants_.reset();  // nobody can keep two founders apart
        cluster_ = std::make_unique<SimCluster>(seed, SimOptions{});
        // Nobody could start a standby's cluster but its founder.
        const std::vector<std::string> sides[2] = {{"m1", "m3", "s1"}, {"m2", "m4", "s2", "s3", "s4", "s5"}};
        for (const auto& side : sides) {
            for (const std::string& id : side) {
                NodeSpec spec{.id = id, .candidate = id[0] == 'm', .standby = id != side[0]};
                spec.masters =
                    spec.candidate ? std::vector<std::string>{"m1", "m2"} : std::vector<std::string>{side[0]};
                std::erase(spec.masters, id);
                cluster_->add(spec);
            }
        }
        for (const std::string& a : sides[0]) {
            for (const std::string& b : sides[1]) cluster_->cut(a, b);
        }
        cluster_->run_for(seconds{10});
        ASSERT_TRUE(leads("m1") && leads("m2"));
        ASSERT_EQ(voters("m1"), (Names{"m1", "m3", "s1"}));
        ASSERT_EQ(voters("m2").size(), 5U);
        cluster_->network().heal();
        for (int i = 0; i < 4'000; ++i) {
            cluster_->run_for(milliseconds{1});
            ASSERT_FALSE(voters("m1").empty() || voters("m2").empty()) << "seed " << seed;
        }
        cluster_->run_for(seconds{8});
        EXPECT_EQ(leads("m1") + leads("m2") + leads("m3") + leads("m4"), 1) << "seed " << seed;
        EXPECT_EQ(voters("m1"), voters("m2"));
        EXPECT_LT(cluster_->spread(), microseconds{20}) << "seed " << seed;
    }
}

TEST_F(Takeover, HostileTermsAndRepliesDoNotStopTheCluster) {
    build(2, 4);
    cluster_->tap = [](const std::string& from, const std::string&, Message& message) {
        if (from != "s1") return true;
        if (auto* reply = std::get_if<Reply>(&message.body)) {
            reply->applied_term = message.header.term;
            reply->applied_round = ~std::uint64_t{0};
        } else {
            message.header.term = std::uint64_t{1} << 62;
        }
        return true;
    };
    run(seconds{10});
    cluster_->kill("m1");
    run(seconds{5});
    EXPECT_TRUE(leads("m2"));
    EXPECT_LT(cluster_->candidate("m2").election().term(), 10U);
    EXPECT_EQ(cluster_->slave("s0").discipline().status(), ClockStatus::synchronized);
}

TEST_F(Takeover, SlaveThatTellsOfNewerTermsDeposesTheMasterOnceAMinuteAtMost) {
    for (const bool refuses : {true, false}) {
        build(2, 4);
        std::optional<Hello> last;
        cluster_->tap = [refuses, &last](const std::string& from, const std::string&, Message& message) {
            if (from != "s1") return true;
            if (const auto* hello = std::get_if<Hello>(&message.body)) last = *hello;
            if (!last || !std::holds_alternative<Reply>(message.body)) return true;
            ++message.header.term;
            if (refuses) {
                message.body = Refuse{RefuseKind::old_term, 0, *Reason::from("a newer term has begun")};
            } else {
                message.body = *last;
            }
            return true;
        };
        cluster_->restart("s1", true);  // so that its HELLO is seen
        int led = 0;
        for (int i = 0; i < 400; ++i) {
            run(milliseconds{50});
            if (leads("m1") || leads("m2")) ++led;
        }
        EXPECT_GT(led, 340) << "of 400; by " << (refuses ? "REFUSE" : "HELLO");
        EXPECT_EQ(cluster_->slave("s0").discipline().status(), ClockStatus::synchronized);
        cluster_->tap = nullptr;
    }
}

TEST_F(Takeover, MasterThatLostItsStateBesideOneSlaveLeadsAgain) {
    build(1, 1);
    cluster_->restart("m1", false);
    run(seconds{8});
    EXPECT_TRUE(leads("m1"));
    EXPECT_GT(cluster_->slave("s0").applied_term(), 1U);
    EXPECT_EQ(cluster_->slave("s0").discipline().status(), ClockStatus::synchronized);
}

TEST_F(Takeover, LinkThatWorksIsNotTakenOverByAnothersHello) {
    build(2, 3);
    // A slave says that it is m1, elsewhere.
    cluster_->tap = [](const std::string& from, const std::string&, Message& message) {
        if (auto* hello = std::get_if<Hello>(&message.body); hello && from == "s2") {
            CandidateInfo forged;
            forged.id = node_id("m1");
            forged.poll = forged.publish = forged.heartbeat = *Url::from("inproc://s2/poll");
            message.header.sender = forged.id;
            hello->candidate = forged;
        }
        return true;
    };
    run(seconds{20});
    for (const auto& entry : cluster_->slave("s0").directory().entries()) {
        EXPECT_NE(entry.info.poll.str(), "inproc://s2/poll");
    }
    EXPECT_EQ(cluster_->slave("m2").discipline().status(), ClockStatus::synchronized);
}

}  // namespace
}  // namespace berkeley::sim
