// berkeleyctl against real nodes: what it shows of an election, and what it can do to one.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

bool has_role(const Process& process, const char* role, std::uint64_t term = 1) {
    return find(process, "role", [&](const Json& e) { return e["role"] == role && e["term"] >= term; }) !=
           nullptr;
}

Json status(const Cluster& cluster, const std::string& id) {
    const Finished finished = run(BERKELEYCTL_PROGRAM, {"status", "--json", "--poll", cluster.url(id)});
    return finished.code == 0 ? Json::parse(finished.out) : Json{};
}

std::vector<std::string> voters(const Cluster& cluster, const std::string& id) {
    const Json json = status(cluster, id);
    return json.is_object() ? json["committee"]["voters"].texts() : std::vector<std::string>{};
}

class Control : public ::testing::Test {
protected:
    void begin() {
        m1_ = &cluster_.master("m1");
        ASSERT_TRUE(cluster_.wait_for([&] { return find(*m1_, "ready") != nullptr; }));
        m2_ = &cluster_.standby("m2", "m1");
        s1_ = &cluster_.slave("s1");
        ASSERT_TRUE(cluster_.wait_agreement({"m1", "m2", "s1"}));
        ASSERT_TRUE(cluster_.wait_for([&] { return voters(cluster_, "m1").size() == 3; }));
    }

    Cluster cluster_;
    Process* m1_ = nullptr;
    Process* m2_ = nullptr;
    Process* s1_ = nullptr;
};

TEST_F(Control, StatusNamesVotersAndTheLease) {
    begin();
    const Json json = status(cluster_, "m1");
    EXPECT_EQ(json["committee"]["voters"], (Json{"m1", "m2", "s1"}));
    EXPECT_GT(json["lease_left_ns"].get<std::int64_t>(), 0);
    EXPECT_LE(json["lease_left_ns"].get<std::int64_t>(), 400'000'000);
    EXPECT_EQ(status(cluster_, "m2")["lease_left_ns"], 0);
    const Finished table = run(BERKELEYCTL_PROGRAM, {"status", "--poll", cluster_.url("m1")});
    EXPECT_NE(table.out.find("voters: m1 m2 s1, lease for another"), std::string::npos) << table.out;
}

TEST_F(Control, StepDownHandsOverWithoutAStepAndIsRefusedWhereItCannotBe) {
    begin();
    const auto step_down = [&](const std::string& at, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"stepdown", "--poll", cluster_.url(at)});
        return run(BERKELEYCTL_PROGRAM, more);
    };
    EXPECT_EQ(step_down("m2").err, "berkeleyctl: m2 refuses: m2 does not lead; m1 does\n");
    EXPECT_EQ(step_down("m1", {"--to", "s1"}).err,
              "berkeleyctl: m1 refuses: s1 is no standby that follows m1\n");
    EXPECT_EQ(step_down("m1", {"--to", "m2"}).code, 0);
    ASSERT_TRUE(
        cluster_.wait_for([&] { return has_role(*m2_, "master", 2) && has_role(*m1_, "standby", 2); }));
    const auto of_new_term = [](const Json& e) { return e["term"] >= 2; };
    ASSERT_TRUE(cluster_.wait_for([&] { return find(*s1_, "correction", of_new_term) != nullptr; }));
    EXPECT_EQ((*find(*s1_, "correction", of_new_term))["applied"], "slew");
}

TEST_F(Control, WatchPrintsALineForEveryChange) {
    begin();
    Process watch(BERKELEYCTL_PROGRAM, {"watch", "--json", "--poll", cluster_.url("m1"), "--for", "30s"});
    const auto seen = [&](const char* node, const char* role) {
        watch.pump();
        for (const Json& line : watch.events()) {
            if (line.value("node", "") == node && line.value("role", "") == role) return true;
        }
        return false;
    };
    ASSERT_TRUE(cluster_.wait_for([&] { return seen("m1", "master") && seen("m2", "standby"); }));
    cluster_.forget(*m1_);
    EXPECT_TRUE(cluster_.wait_for([&] { return seen("m2", "master"); }));
}

TEST_F(Control, WatchIsNotHeldUpByACandidateThatIsDead) {
    begin();
    Process watch(BERKELEYCTL_PROGRAM, {"watch", "--json", "--poll", cluster_.url("nobody"), "--poll",
                                        cluster_.url("m1"), "--timeout", "30s", "--for", "60s"});
    // Both answer long before the patience with the dead one ends, again and again.
    const auto seen = [&](const char* node, const char* role) {
        watch.pump();
        return std::any_of(watch.events().begin(), watch.events().end(), [&](const Json& e) {
            return e.value("node", "") == node && e.value("role", "") == role;
        });
    };
    ASSERT_TRUE(cluster_.wait_for([&] { return seen("m1", "master") && seen("m2", "standby"); }));
    cluster_.forget(*m1_);
    EXPECT_TRUE(cluster_.wait_for([&] { return seen("m2", "master"); }));
    for (const Json& line : watch.events()) EXPECT_FALSE(line.contains("error")) << line;
}

TEST_F(Control, StatusAndStepDownFindWhoLeadsAmongSeveral) {
    begin();
    const auto ask = [&](const std::string& command, std::vector<std::string> ids,
                         std::vector<std::string> more = {}) {
        more.insert(more.begin(), command);
        for (const std::string& id : ids) more.insert(more.end(), {"--poll", cluster_.url(id)});
        return run(BERKELEYCTL_PROGRAM, more);
    };
    const Finished led = ask("status", {"m2", "m1"});
    EXPECT_EQ(led.code, 0) << led.err;
    EXPECT_TRUE(led.out.starts_with("m1 is master")) << led.out;
    EXPECT_EQ(led.err, "");
    EXPECT_TRUE(ask("stepdown", {"m2", "m1"}).out.starts_with("m1 has stepped down"));
    ASSERT_TRUE(cluster_.wait_for([&] { return has_role(*m2_, "master", 2); }));
    cluster_.forget(*m1_);
    const Finished rest = ask("status", {"m1", "m2"}, {"--timeout", "500ms"});
    EXPECT_EQ(rest.code, 0);
    EXPECT_TRUE(rest.out.starts_with("m2 is ")) << rest.out;
    EXPECT_EQ(std::count(rest.err.begin(), rest.err.end(), '\n'), 1) << rest.err;
    EXPECT_NE(rest.err.find("no answer from " + cluster_.url("m1") + " within 500 ms"), std::string::npos)
        << rest.err;
    EXPECT_EQ(ask("status", {"m1", "nobody"}, {"--timeout", "200ms"}).code, 1);
    EXPECT_EQ(ask("stepdown", {"m1", "nobody"}, {"--timeout", "200ms"}).code, 1);
}

TEST_F(Control, EventsTellTheVotersAndWhyAVoteWasRefused) {
    begin();
    const auto full = [](const Json& e) { return e["voters"] == Json{"m1", "m2", "s1"}; };
    for (const Process* node : {m1_, m2_}) {
        EXPECT_TRUE(cluster_.wait_for([&] { return find(*node, "committee", full) != nullptr; }));
    }
    // A voter that has forgotten everything gives no vote, so the other candidate must do without it, and
    // cannot.
    cluster_.forget(*s1_);
    std::filesystem::remove_all(cluster_.folder() / "state" / "s1");
    cluster_.forget(*m1_);
    ASSERT_TRUE(
        cluster_.wait_for([&] { return has_role(*m2_, "candidate") || find(*m2_, "vote") != nullptr; }));
    EXPECT_FALSE(has_role(*m2_, "warmup"));
    // Where a hand-over is asked for while the voters still hear their master, they say so.
    m1_ = &cluster_.master("m1");
    ASSERT_TRUE(
        cluster_.wait_for([&] { return has_role(*m1_, "master", 2) || has_role(*m2_, "master", 2); }));
    const auto with_reason = [](const Json& e) {
        return e["granted"] == false && !e["reason"].get<std::string>().empty();
    };
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return find(*m1_, "vote", with_reason) || find(*m2_, "vote", with_reason); }));
}

TEST_F(Control, NodeThatCannotSaveVotesNoMoreAndSaysSo) {
    begin();
    // As good as a full disk, whoever runs the test: nothing can be written there any more.
    std::filesystem::remove_all(cluster_.folder() / "state" / "s1");
    std::filesystem::remove_all(cluster_.folder() / "state" / "m2");
    cluster_.forget(*m1_);
    ASSERT_TRUE(cluster_.wait_for([&] {
        return s1_->log().find("does not vote") != std::string::npos ||
               m2_->log().find("does not vote") != std::string::npos;
    }));
    EXPECT_FALSE(has_role(*m2_, "warmup"));
}

TEST_F(Control, ForceBootstrapMakesAClusterOfTheLastMaster) {
    begin();
    cluster_.forget(*m1_);
    cluster_.forget(*s1_);
    cluster_.forget(*m2_);
    const std::string state = (cluster_.folder() / "state" / "m2").string();
    const Finished warned = run(BERKELEYCTL_PROGRAM, {"force-bootstrap", "--state-dir", state, "--id", "m2"});
    EXPECT_EQ(warned.code, 2);
    EXPECT_NE(warned.err.find("two"), std::string::npos) << "it says what can happen";
    const Finished forced =
        run(BERKELEYCTL_PROGRAM, {"force-bootstrap", "--state-dir", state, "--id", "m2", "--yes"});
    EXPECT_EQ(forced.code, 0) << forced.err;
    Process& m2 = cluster_.master("m2", {"--standby", "--peer", cluster_.url("m1")});
    Process& s1 = cluster_.slave("s1", {}, "m2");
    ASSERT_TRUE(cluster_.wait_for([&] { return has_role(m2, "master", 1000); }));
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return find(s1, "correction", [](const Json& e) { return e["term"] >= 1000; }) != nullptr; }));
}

TEST(ControlUsage, HelpShowsTheExamplesOfItsCommandOnly) {
    const std::vector<std::string> commands{"status",   "watch",           "clock",  "wait",      "run",
                                            "stepdown", "force-bootstrap", "keygen", "authorize", "revoke"};
    for (const std::string& command : commands) {
        const std::string help = run(BERKELEYCTL_PROGRAM, {command, "--help"}).out;
        for (const std::string& other : commands) {
            const bool there = help.find("\n  berkeleyctl " + other + " ") != std::string::npos;
            EXPECT_EQ(there, other == command) << command << ": " << help;
        }
    }
}

TEST(ControlUsage, MistakesAreNamedInOneLine) {
    const std::pair<std::vector<std::string>, std::string> cases[] = {
        {{"steppdown"},
         "'steppdown' is no command: status, watch, stepdown, forget, force-bootstrap, clock, wait, run, "
         "keygen, "
         "authorize and "
         "revoke are allowed"},
        {{"stepdown", "--to", "a b"}, "--to: the id of a standby is allowed"},
        {{"watch", "--for", "soon"}, "--for: 'soon' is not a duration: write a number and a unit"},
        {{"watch", "--for", "5"}, "--for: '5' has no unit: write a number and a unit"},
        {{"status", "--timeout", "1h"}, "--timeout: 1h is not allowed: from 1ms to 1m"},
        {{"clock", "x", "--watch", "-1s"}, "--watch: -1s is not allowed: from 0s to 1d"},
        {{"wait", "--bound", "soon"}, "--bound: 'soon' is not a duration: write a number and a unit"},
        {{"run", "--at", "+1s"}, "run: name the command after --"},
        {{"run", "--", "true"}, "--at is required"},
        {{"status", "--poll", "inproc://x"}, "--poll: 'inproc://x' reaches no other process"},
        {{"force-bootstrap", "--id", "m1"}, "--state-dir is required"},
    };
    for (const auto& [arguments, expected] : cases) {
        const Finished finished = run(BERKELEYCTL_PROGRAM, arguments);
        EXPECT_EQ(finished.code, 2) << expected;
        EXPECT_NE(finished.err.find(expected), std::string::npos) << finished.err;
        EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
    }
}

}  // namespace
}  // namespace berkeley::test
