// Faults on real processes in network namespaces. What must hold throughout is in fault_cluster.

#include <gtest/gtest.h>

#include "integration/fault_cluster.hpp"

namespace berkeley::test {
namespace {

TEST_F(Faults, TheMasterIsKilledAgainAndAgainAtAllPhasesOfARound) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    for (int kills = 0; kills < 6; ++kills) {
        hold(milliseconds{50 * kills});  // in a round of 250 ms
        const std::string victim = master();
        const std::uint64_t term = term_of(victim);
        kill(victim);
        expect_all_together();
        EXPECT_GT(term_of("s1"), term);
        start(victim);
        expect_all_together();
    }
}

TEST_F(Faults, AMasterThatIsStoppedAppliesNothingStaleWhenItGoesOn) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    for (const milliseconds pause : {milliseconds{300}, milliseconds{2'000}, milliseconds{10'000}}) {
        const std::string victim = master();
        signal(victim, SIGSTOP);
        hold(pause);
        signal(victim, SIGCONT);
        expect_all_together();
    }
}

TEST_F(Faults, APartitionedMasterStopsAndItsSideHoldsOver) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    network_->isolate("m1");
    expect_together({"m2", "s1", "s2", "s3"});
    EXPECT_TRUE(wait_for([&] { return status_of("m1") == "HOLDOVER"; }));
    network_->heal();
    expect_all_together();
    // A slave that is alone.
    network_->isolate("s1");
    EXPECT_TRUE(wait_for([&] { return status_of("s1") == "HOLDOVER"; }));
    network_->heal();
    expect_all_together();
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
    network_->cut_both("m1", "m2");
    hold(seconds{3});
    expect_together({"m1", "s1", "s2", "s3"});
    EXPECT_EQ(master(), "m1");
    EXPECT_EQ(term_of("s1"), 1U) << "the voters hear their master and grant nothing";
    network_->heal();
    expect_all_together();
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
    // The standby goes down and comes back while it is wanted.
    kill("m1");
    kill("m2");
    start("m2");
    expect_all_together();
    start("m1");
    expect_all_together();
    // A voter that forgot its votes.
    kill("s1");
    forget_state("s1");
    start("s1");
    expect_all_together();
    // A master that forgot everything.
    const std::string victim = master();
    kill(victim);
    forget_state(victim);
    start(victim);
    expect_all_together();
    EXPECT_NE(master(), victim) << "it comes back as a standby";
}

TEST_F(Faults, AllNodesAreRestartedAtOnce) {
    build({"m1", "m2"}, {"s1", "s2", "s3"});
    const std::uint64_t term = term_of("s1");
    const auto all = living();
    for (const std::string& id : all) kill(id);
    for (const std::string& id : all) start(id);
    expect_all_together();
    EXPECT_GT(term_of("s1"), term) << "the cluster goes on, it is not founded again";
}

TEST_F(Faults, ACandidateWhoseClockRunsTenPercentFastTakesOver) {
    // Honest bounds need a limit that holds for it.
    const std::vector<std::string> wide{"--max-drift", "100000", "--max-bound", "1h"};
    auto fast = wide;
    fast.insert(fast.end(), {"--clock-drift", "90000"});
    build({"m1", "m2"}, {"s1", "s2", "s3"}, {{"m1", wide}, {"m2", fast}, {"s1", wide}, {"s2", wide}, {"s3", wide}});
    kill("m1");
    expect_all_together();
    EXPECT_EQ(master(), "m2");
}

class SmallCluster : public Faults, public ::testing::WithParamInterface<const char*> {};

TEST_P(SmallCluster, TwoMastersAndASlaveBearTheLossOfAnyOne) {
    build({"m1", "m2"}, {"s1"});
    // Its voters must be three before it can bear a loss.
    EXPECT_TRUE(wait_for([&] {
        const Finished status = run("ip", [&] {
            auto command = network_->wrapper("s1");
            command.erase(command.begin());
            command.insert(command.end(), {BERKELEYCTL_PROGRAM, "status", "--poll", "tcp://" + network_->address("m1") + ":5250"});
            return command;
        }());
        return status.out.find("voters: m1 m2 s1") != std::string::npos;
    }));
    kill(GetParam());
    expect_all_together();
}

INSTANTIATE_TEST_SUITE_P(Each, SmallCluster, ::testing::Values("m1", "m2", "s1"));

TEST_F(Faults, OfTwoMastersWithoutSlavesTheStandbyNeverLeadsBesideTheMaster) {
    build({"m1", "m2"}, {});
    network_->cut_both("m1", "m2");
    hold(seconds{3});
    EXPECT_EQ(term_of("m2"), 1U);
    EXPECT_EQ(master(), "m1");
    network_->heal();
    expect_all_together();
    EXPECT_EQ(master(), "m1");
}

}  // namespace
}  // namespace berkeley::test
