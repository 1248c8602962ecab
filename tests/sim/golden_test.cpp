// Golden traces of the canonical elections: who said what to whom, in virtual milliseconds. A change of the
// election shows here as a difference that a reviewer can read. BERKELEY_GOLDEN=write writes them anew.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/sim/checked_cluster.hpp"

namespace berkeley::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const char* name_of(Role role) {
    switch (role) {
        case Role::slave:
            return "slave";
        case Role::listen:
            return "listen";
        case Role::standby:
            return "standby";
        case Role::candidate:
            return "candidate";
        case Role::warmup:
            return "warmup";
        case Role::master:
            return "master";
    }
    return "?";
}

class Golden : public ::testing::Test {
protected:
    Golden() : cluster_(1, SimOptions{.network = {.jitter_mean = Duration{0}}}) {
        cluster_.on_event = [this, watch = cluster_.on_event](SimCluster::NodeIndex from,
                                                              const Event& event) {
            watch(from, event);
            if (const auto* role = std::get_if<RoleEvent>(&event)) {
                line(cluster_.spec(from).id + " is " + name_of(role->role) + ": " + role->reason);
            }
        };
        cluster_.tap = [this](const std::string& from, const std::string& to, Message& message) {
            const std::string way = from + " -> " + to + " ";
            const std::string term = " term " + std::to_string(message.header.term);
            if (const auto* vote = std::get_if<VoteRequest>(&message.body)) {
                line(way + (vote->pre_vote ? "PREVOTE" : "VOTE") + term);
            } else if (const auto* grant = std::get_if<Grant>(&message.body)) {
                line(way + (grant->pre_vote ? "GRANT of the pre-vote" : "GRANT") + term);
            } else if (const auto* refuse = std::get_if<Refuse>(&message.body)) {
                line(way + "REFUSE" + term + ": " + refuse->reason.str());
            } else if (const auto* step_down = std::get_if<StepDown>(&message.body);
                       step_down && to.front() == 'm') {
                line(way + "STEPDOWN" + term + ", successor " + step_down->successor.str());
            } else if (const auto* beat = std::get_if<Heartbeat>(&message.body); beat && to == told_to_) {
                std::string voters;
                for (const Voter& voter : beat->committee.voters) voters += " " + voter.id.str();
                if (std::exchange(voters_, voters) != voters) line(from + " has the voters" + voters);
            }
            return true;
        };
        cluster_.add({.id = "m1", .candidate = true, .masters = {}});
        cluster_.add({.id = "m2", .candidate = true, .standby = true, .priority = 50, .masters = {"m1"}});
        cluster_.add({.id = "s1", .masters = {"m1"}});
    }

    void line(const std::string& text) {
        const auto ms = to_ns(cluster_.now()) / 1'000'000;
        trace_ << ms << " ms  " << text << '\n';
    }
    void note(const std::string& text) { trace_ << "# " << text << '\n'; }

    void compare(const std::string& name) {
        const std::string path = std::string(BERKELEY_SOURCE_DIR "/tests/sim/golden/") + name;
        if (const char* write = std::getenv("BERKELEY_GOLDEN");
            write != nullptr && std::string_view(write) == "write") {
            std::ofstream(path) << trace_.str();
        }
        std::ifstream file(path);
        std::ostringstream expected;
        expected << file.rdbuf();
        EXPECT_EQ(trace_.str(), expected.str()) << "see " << path;
    }

    CheckedCluster cluster_;
    std::ostringstream trace_;
    std::string told_to_ = "m2";
    std::string voters_;
};

TEST_F(Golden, FoundingAndTheCommitteesGrowth) {
    cluster_.run_for(seconds{4});
    compare("founding.txt");
}

TEST_F(Golden, TakeoverAfterAKill) {
    cluster_.run_for(seconds{4});
    trace_.str("");
    note("m1 is killed");
    cluster_.kill("m1");
    cluster_.run_for(seconds{2});
    note("m1 is started again, with its state");
    cluster_.restart("m1", true);
    cluster_.run_for(seconds{3});
    compare("takeover.txt");
}

TEST_F(Golden, PlannedHandOver) {
    cluster_.run_for(seconds{4});
    trace_.str("");
    note("m1 is asked to stop");
    cluster_.stop("m1");
    cluster_.run_for(seconds{2});
    compare("handover.txt");
}

TEST_F(Golden, HandOverByTheOnlyVoter) {
    cluster_.run_for(seconds{4});
    cluster_.kill("s1");
    cluster_.run_for(seconds{4});
    trace_.str("");
    note("without a slave m1 has become the only voter; it is asked to stop");
    told_to_ = "m1";
    cluster_.stop("m1");
    cluster_.run_for(seconds{2});
    compare("handover_of_two.txt");
}

TEST_F(Golden, MasterCutOffAndHealed) {
    cluster_.run_for(seconds{4});
    trace_.str("");
    note("m1 is cut off");
    cluster_.cut("m1", "m2");
    cluster_.cut("m1", "s1");
    cluster_.run_for(seconds{3});
    note("healed");
    told_to_ = "m1";
    cluster_.network().heal();
    cluster_.run_for(seconds{3});
    compare("cut_off.txt");
}

TEST_F(Golden, CandidatesThatDoNotHearEachOther) {
    cluster_.run_for(seconds{4});
    trace_.str("");
    note("m1 and m2 do not hear each other; s1 hears both");
    cluster_.cut("m1", "m2");
    cluster_.run_for(seconds{2});
    compare("candidates_cut.txt");
}

TEST_F(Golden, StoppedMasterGoesOnAfterItsSuccessorWasElected) {
    cluster_.run_for(seconds{4});
    trace_.str("");
    note("m1 is stopped");
    cluster_.pause("m1");
    cluster_.run_for(seconds{2});
    note("m1 goes on");
    cluster_.resume("m1");
    cluster_.run_for(seconds{2});
    compare("stopped.txt");
}

}  // namespace
}  // namespace berkeley::sim
