// Faults on real processes in network namespaces. What must hold throughout is in fault_cluster.

#include <gtest/gtest.h>

#include "tests/integration/fault_cluster.hpp"
#include "tests/seeds.hpp"

namespace berkeley::test {
namespace {

TEST_F(Faults, TheMasterIsKilledAgainAndAgainAtAllPhasesOfARound) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    const auto kills = static_cast<int>(seeds(50));
    for (int i = 0; i < kills; ++i) {
        // All have just been corrected; the next round is 250 ms after the last.
        hold(milliseconds{250 * i / kills});
        const std::string victim = master();
        const std::uint64_t term = term_of(victim);
        kill(victim);
        expect_all_together();
        EXPECT_GT(term_of("s1"), term);
        start(victim);
        expect_all_together();
        EXPECT_NE(master(), victim) << "it comes back as a standby";
    }
}

TEST_F(Faults, AMasterThatIsStoppedAppliesNothingStaleWhenItGoesOn) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    for (const milliseconds pause : {milliseconds{300}, milliseconds{2'000}, milliseconds{10'000}}) {
        const std::string victim = master();
        const std::uint64_t term = term_of(victim);
        signal(victim, SIGSTOP);
        hold(pause);
        signal(victim, SIGCONT);
        expect_all_together();
        // Below the timeout nothing need happen, and on a loaded machine it may.
        if (pause < seconds{1}) continue;
        EXPECT_NE(master(), victim);
        EXPECT_GT(term_of("s1"), term);
    }
}

TEST_F(Faults, APartitionedMasterStopsAndItsSideHoldsOver) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    network_->isolate("m1");
    expect_together({"m2", "s1", "s2", "s3"});
    expect_holdover("m1");
    network_->heal();
    expect_all_together();
    EXPECT_EQ(master(), "m2");
    expect_full_committee();
    // The master has company, and still no majority.
    network_->split({"m2", "s1"});
    expect_together({"m1", "s2", "s3"});
    expect_holdover("s1");
    network_->heal();
    expect_all_together();
    EXPECT_EQ(master(), "m1");
}

TEST_F(Faults, AMasterThatIsHeardAndDoesNotHearGivesUp) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    for (const char* id : {"m2", "s1", "s2", "s3"}) network_->cut(id, "m1");
    expect_together({"m2", "s1", "s2", "s3"});
    network_->heal();
    expect_all_together();
}

TEST_F(Faults, AMasterThatHearsAndIsNotHeardIsReplaced) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    for (const char* id : {"m2", "s1", "s2", "s3"}) network_->cut("m1", id);
    expect_together({"m2", "s1", "s2", "s3"});
    network_->heal();
    expect_all_together();
}

TEST_F(Faults, CandidatesThatDoNotSeeEachOtherDisturbNobody) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    const std::pair<std::string, std::string> forth{"m1", "m2"};
    const std::pair<std::string, std::string> back{"m2", "m1"};
    for (const auto& cuts : {std::vector{forth, back}, {forth}, {back}}) {
        for (const auto& [from, to] : cuts) network_->cut(from, to);
        hold(seconds{2});
        expect_together({"m1", "s1", "s2", "s3"});
        network_->heal();
        expect_all_together();
        EXPECT_EQ(master(), "m1");
        EXPECT_FALSE(has_led("m2")) << "the voters hear their master and grant nothing";
    }
}

TEST_F(Faults, AFlappingLinkAndAPulledCable) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    for (int i = 0; i < 6; ++i) {
        network_->isolate("m1");
        hold(milliseconds{300});
        network_->heal();
        hold(milliseconds{300});
    }
    expect_all_together();
    const std::string victim = master();
    network_->pull_cable(victim);  // half-open connections: no end of theirs is ever told
    auto rest = living();
    rest.erase(victim);
    expect_together(rest);
    network_->heal();
    expect_all_together();
}

TEST_F(Faults, RestartsInTheMiddleOfAnElectionAndWithoutState) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    // The standby goes down and comes back while it asks for votes.
    kill("m1");
    EXPECT_TRUE(wait_for([&] { return role_of("m2") != "standby"; }));
    kill("m2");
    start("m2");
    expect_all_together();
    start("m1");
    expect_all_together();
    expect_full_committee();
    // A voter forgets its votes just before they are wanted, and the master forgets everything.
    kill("s1");
    forget_state("s1");
    start("s1");
    const std::string victim = master();
    kill(victim);
    expect_all_together();
    forget_state(victim);
    start(victim);
    expect_all_together();
    EXPECT_NE(master(), victim) << "it comes back as a standby";
}

TEST_F(Faults, AMasterThatForgotItsStateAndIsBackAtOnceFoundsNothing) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    kill("m1");
    forget_state("m1");
    start("m1");
    expect_all_together();
    EXPECT_GT(term_of("s1"), 1U) << "it may be elected, by voters who remember";
}

TEST_F(Faults, AllNodesAreRestartedAtOnce) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    const std::uint64_t term = term_of("s1");
    const auto all = living();
    for (const std::string& id : all) signal(id, SIGKILL);
    for (const std::string& id : all) kill(id);
    for (const std::string& id : all) start(id);
    expect_all_together();
    EXPECT_GT(term_of("s1"), term) << "the cluster goes on, it is not founded again";
}

TEST_F(Faults, ACandidateWhoseClockRunsTenPercentFastTakesOver) {
    // Honest bounds need a limit that holds for it.
    const std::vector<std::string> wide{"--max-drift", "100000", "--max-bound", "1h"};
    auto fast = wide;
    fast.insert(fast.end(), {"--clock-drift", "100000"});
    build({"m1", "m2"}, {"s1", "s2", "s3"},
          {{"m1", wide}, {"m2", fast}, {"s1", wide}, {"s2", wide}, {"s3", wide}});
    // Its timeout is short by a tenth, and the old master comes back with its lease still in mind.
    signal("m1", SIGSTOP);
    expect_together({"m2", "s1", "s2", "s3"});
    signal("m1", SIGCONT);
    expect_all_together();
    EXPECT_EQ(master(), "m2");
    // Its lease is short by as much.
    kill("m2");
    expect_all_together();
}

class SmallCluster : public Faults, public ::testing::WithParamInterface<const char*> {};

TEST_P(SmallCluster, TwoMastersAndASlaveBearTheLossOfAnyOne) {
    build({"m1", "m2"}, {"s1"});
    kill(GetParam());
    expect_all_together();
}

INSTANTIATE_TEST_SUITE_P(Each, SmallCluster, ::testing::Values("m1", "m2", "s1"));

TEST_F(Faults, OfTwoMastersWithoutSlavesTheStandbyNeverLeadsBesideTheMaster) {
    build({"m1", "m2"}, {});
    network_->cut_both("m1", "m2");
    expect_holdover("m2");
    EXPECT_FALSE(has_led("m2"));
    EXPECT_EQ(master(), "m1");
    network_->heal();
    expect_all_together();
    EXPECT_EQ(master(), "m1");
    // From where it stands the master's death looks the same, so nobody leads until the master is back.
    kill("m1");
    expect_holdover("m2");
    EXPECT_FALSE(has_led("m2"));
    // It may give its vote to m2; either way its clock, which knows nothing now, takes the time of m2's.
    start("m1");
    expect_all_together();
}

}  // namespace
}  // namespace berkeley::test
