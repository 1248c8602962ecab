// Foundings in virtual time: one cluster comes of whatever a newcomer starts.

#include <gtest/gtest.h>

#include "sim/sim_cluster.hpp"

namespace berkeley::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Founding : public ::testing::Test {
protected:
    void begin(std::uint64_t seed) { cluster_ = std::make_unique<SimCluster>(seed, SimOptions{}); }
    void add_slaves(int count, const std::vector<std::string>& masters) {
        for (int i = 1; i <= count; ++i)
            cluster_->add({.id = "s" + std::to_string(i), .offset = seconds{i}, .masters = masters});
    }
    int leaders() {
        int count = 0;
        for (const char* id : {"m1", "m2"}) {
            if (cluster_->alive(id) && cluster_->candidate(id).election().leads()) ++count;
        }
        return count;
    }
    bool all_synchronized() const {
        for (SimCluster::NodeIndex i = 0; i < cluster_->size(); ++i) {
            if (cluster_->alive(i) && cluster_->slave(i).discipline().status() != ClockStatus::synchronized)
                return false;
        }
        return true;
    }
    bool said(const std::string& node, std::string_view words) const {
        for (const Recorded& r : cluster_->events()) {
            const auto* note = std::get_if<NoteEvent>(&r.event);
            if (note != nullptr && r.node == node && note->text.find(words) != std::string::npos) return true;
        }
        return false;
    }

    std::unique_ptr<SimCluster> cluster_;
};

TEST_F(Founding, TwoMastersThatShareSlavesAreOneClusterOfTwoTermsAtMostHoweverTheyAreStarted) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        begin(seed);
        const bool together = seed % 3 == 0;  // within a few milliseconds
        const bool peers = seed % 2 == 0;
        const auto other = [&](const char* id) {
            return peers ? std::vector<std::string>{id} : std::vector<std::string>{};
        };
        add_slaves(4, {"m1", "m2"});
        cluster_->add({.id = "m1", .candidate = true, .priority = 100, .masters = other("m2")});
        cluster_->run_for(together ? milliseconds{seed} : milliseconds{100 * seed});
        cluster_->add({.id = "m2",
                       .offset = std::chrono::hours{1},
                       .candidate = true,
                       .priority = seed % 5 == 0 ? 200 : 50,
                       .masters = other("m1")});
        cluster_->run_for(seconds{15});
        EXPECT_EQ(leaders(), 1) << "seed " << seed;
        EXPECT_LE(cluster_->slave("s1").term(), 2U) << "seed " << seed;
        EXPECT_TRUE(all_synchronized()) << "seed " << seed;
        EXPECT_LT(cluster_->spread(), microseconds{50}) << "seed " << seed;
        const Term term = cluster_->slave("s1").term();
        cluster_->run_for(seconds{20});
        EXPECT_EQ(cluster_->slave("s1").term(), term) << "and it stays so, seed " << seed;
    }
}

TEST_F(Founding, ASecondMasterSaysWhomItsMembersFollowAndIsItsStandby) {
    begin(1);
    add_slaves(4, {"m1", "m2"});
    cluster_->add({.id = "m1", .candidate = true, .masters = {}});
    cluster_->run_for(seconds{6});
    cluster_->add({.id = "m2", .candidate = true, .masters = {}});
    cluster_->run_for(seconds{10});
    EXPECT_EQ(cluster_->candidate("m2").election().role(), Role::standby);
    EXPECT_EQ(cluster_->candidate("m2").election().leader(), node_id("m1"));
    cluster_->kill("m1");
    cluster_->run_for(seconds{5});
    EXPECT_TRUE(cluster_->candidate("m2").election().leads()) << "though it was not started as a standby";
}

TEST_F(Founding, AMasterWithoutMemoryThatReachesNoVoterFoundsNothingBesideALivingMajority) {
    begin(1);
    cluster_->add({.id = "m1", .candidate = true, .priority = 100, .masters = {}});
    cluster_->add({.id = "m2", .candidate = true, .standby = true, .priority = 50, .masters = {"m1"}});
    add_slaves(9, {"m1", "m2"});
    cluster_->run_for(seconds{8});
    std::vector<std::string> voters;
    for (const Voter& v : cluster_->slave("s1").elector().committee().voters) voters.push_back(v.id.str());
    cluster_->kill("m1");
    cluster_->run_for(seconds{3});
    ASSERT_TRUE(cluster_->candidate("m2").election().leads());
    const Term term = cluster_->candidate("m2").election().term();
    for (const Voter& v : cluster_->candidate("m2").election().leadership().committee().voters) {
        if (v.id != node_id("m1")) cluster_->cut("m1", v.id.str());
    }
    cluster_->restart("m1", false);
    cluster_->run_for(seconds{60});
    EXPECT_FALSE(cluster_->candidate("m1").election().leads());
    EXPECT_EQ(cluster_->candidate("m2").election().term(), term);
    EXPECT_TRUE(said("m1", "founding no cluster")) << "and it says why";
}

TEST_F(Founding, ALoneMasterThatIsGoneForGoodIsReplacedByAnother) {
    begin(1);
    add_slaves(3, {"m1", "m2"});
    cluster_->add({.id = "m1", .candidate = true, .masters = {}});
    cluster_->run_for(seconds{8});
    cluster_->kill("m1");
    cluster_->run_for(seconds{1});
    cluster_->add({.id = "m2", .offset = seconds{100}, .candidate = true, .masters = {}});
    cluster_->run_for(seconds{15});
    EXPECT_TRUE(cluster_->candidate("m2").election().leads());
    EXPECT_TRUE(all_synchronized());
    EXPECT_LT(cluster_->slave("s1").discipline().disruptions(), 2U) << "the members kept the time";
}

TEST_F(Founding, AMemberThatHearsNoCorrectionCostsTheOthersTheirBoundsForNoLongerThanTwoValidTimes) {
    begin(1);
    cluster_->add({.id = "m1", .candidate = true, .priority = 100, .masters = {}});
    cluster_->add({.id = "m2", .candidate = true, .standby = true, .priority = 50, .masters = {"m1"}});
    add_slaves(5, {"m1", "m2"});
    cluster_->run_for(seconds{8});
    cluster_->tap = [](const std::string& from, const std::string& to, Message& message) {
        return !(from == "m2" && to == "s5" && std::holds_alternative<Correction>(message.body));
    };
    cluster_->kill("m1");
    cluster_->run_for(seconds{30});
    const auto bound = [&](const char* id) {
        const RawTime now = cluster_->raw(cluster_->index(id));
        return cluster_->slave(id).discipline().bound(now);
    };
    const Duration soon = bound("s1");
    cluster_->run_for(seconds{300});
    EXPECT_EQ(cluster_->slave("s1").discipline().status(), ClockStatus::synchronized);
    EXPECT_LT(bound("s1"), 2 * soon + microseconds{100}) << "it grew without end";
}

}  // namespace
}  // namespace berkeley::sim
