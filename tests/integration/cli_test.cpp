// What scripts and people rely on at the command line beyond the cluster itself: exits, nulls, names, levels.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/documented_fields.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

std::set<std::string> keys_of(const Json& json) {
    std::set<std::string> keys;
    for (const auto& [key, value] : json.items()) keys.insert(key);
    return keys;
}

/// The one line of JSON that a node has for a start that fails.
void expect_failed_start(const Finished& finished, const std::string& id, const std::string& reason) {
    EXPECT_EQ(finished.code, 1);
    EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
    EXPECT_NE(finished.err.find(reason), std::string::npos) << finished.err;
    const Json exit = Json::parse(finished.out);
    ASSERT_TRUE(exit.is_object()) << finished.out;
    EXPECT_EQ(keys_of(exit),
              (std::set<std::string>{"event", "node", "term", "raw_ns", "cluster_ns", "code", "reason"}));
    EXPECT_EQ(exit["event"], "exit");
    EXPECT_EQ(exit["node"], id);
    EXPECT_EQ(exit["code"], 1);
    EXPECT_NE(exit["reason"].get<std::string>().find(reason), std::string::npos) << exit;
}

TEST(Cli, AFailedStartIsAnExitEventToo) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "ready") != nullptr; }));
    const auto state = [&](const std::string& id) { return (cluster.folder() / id).string(); };
    expect_failed_start(
        run(BERKELEY_MASTER_PROGRAM,
            {"--id", "m9", "--json", "--poll", cluster.url("m1"), "--publish", cluster.url("m9", "p"),
             "--heartbeat", cluster.url("m9", "h"), "--clock-page", "none", "--state-dir", state("m9")}),
        "m9", "--poll");
    expect_failed_start(
        run(BERKELEY_SLAVE_PROGRAM, {"--id", "s9", "--json", "--master", cluster.url("m1"), "--clock-page",
                                     "/proc/no/page", "--state-dir", state("s9")}),
        "s9", "clock page: folder /proc/no");
}

TEST(Cli, AStateDirectoryBelongsToItsId) {
    Cluster cluster;
    const std::string state = (cluster.folder() / "shared").string();
    {
        Process first(BERKELEY_SLAVE_PROGRAM, {"--id", "s1", "--json", "--master", cluster.url("m1"),
                                               "--clock-page", "none", "--state-dir", state});
        ASSERT_TRUE(cluster.wait_for([&] {
            first.pump();
            return find(first, "ready") != nullptr;
        }));
        first.signal(SIGTERM);
        ASSERT_EQ(first.wait_exit(seconds{5}), 0);
    }
    const std::string why =
        state + ": holds the state of 's1', not of 's2': give each --id a --state-dir of its own";
    expect_failed_start(run(BERKELEY_SLAVE_PROGRAM, {"--id", "s2", "--json", "--master", cluster.url("m1"),
                                                     "--clock-page", "none", "--state-dir", state}),
                        "s2", why);
}

TEST(Cli, AStandbyThatCanHearNobodySaysSo) {
    Cluster cluster;
    Process& m2 = cluster.master("m2", {"--standby"});
    Process& m3 = cluster.standby("m3", "m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m2, "role") != nullptr && find(m3, "role") != nullptr; }));
    const std::string warning = "a standby without --peer that remembers no candidate";
    EXPECT_NE(m2.log().find(warning), std::string::npos) << m2.log();
    EXPECT_EQ(m3.log().find(warning), std::string::npos) << m3.log();
}

TEST(Cli, AFounderSaysSoOnceAndNamesAnEqualPriorityOnce) {
    Cluster cluster;
    Process& m1 = cluster.master("m1", {"--priority", "7", "--cluster", "lab"});
    const std::vector<std::string> rest{"--priority", "7",      "--cluster",      "lab",
                                        "--standby",  "--peer", cluster.url("m1")};
    Process& m2 = cluster.master("m2", rest);
    Process& m3 = cluster.master("m3", rest);
    const auto count = [](const Process& process, const std::string& text) {
        const std::string log = process.log();
        int found = 0;
        for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++found;
        return found;
    };
    const auto all_vote = [](const Json& e) { return e["voters"].size() == 3; };
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "committee", all_vote) != nullptr; }));
    EXPECT_EQ(count(m1, "founding a new cluster 'lab'; to join one, use --standby --peer URL"), 1)
        << m1.log();
    EXPECT_EQ(count(m1, "has the same --priority as this node, 7"), 1) << m1.log();
    for (const Process* standby : {&m2, &m3}) {
        EXPECT_EQ(count(*standby, "founding") + count(*standby, "same --priority"), 0) << standby->log();
    }
}

TEST(Cli, AnIdThatAPeerHasIsToldOnceAndNotAsSilence) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "round") != nullptr; }));
    const auto url = [&](const char* what) {
        return "ipc://" + (cluster.folder() / (std::string("twin.") + what)).string();
    };
    Process twin(BERKELEY_MASTER_PROGRAM,
                 {"--id", "m1", "--json", "--standby", "--peer", cluster.url("m1"), "--poll", url("poll"),
                  "--publish", url("publish"), "--heartbeat", url("heartbeat"), "--clock-page", "none",
                  "--state-dir", (cluster.folder() / "twin").string()});
    const std::string line = "the id 'm1' is in use at " + cluster.url("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return twin.log().find(line) != std::string::npos; }));
    // Longer than a link may be silent.
    ASSERT_TRUE(cluster.wait_for(
        [&] { return find(m1, "round", [](const Json& e) { return e["round"] > 30; }) != nullptr; }));
    const std::string log = twin.log();
    EXPECT_EQ(log.find(line), log.rfind(line)) << log;
    EXPECT_EQ(log.find("own-name"), std::string::npos) << log;
    EXPECT_EQ(log.find("no answer"), std::string::npos) << log;
}

TEST(Cli, WatchHasTheSameKeysInEachLine) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "ready") != nullptr; }));
    Process watch(BERKELEYCTL_PROGRAM, {"watch", "--json", "--poll", cluster.url("m1"), "--for", "60s"});
    const auto seen = [&](const std::function<bool(const Json&)>& wanted) {
        return cluster.wait_for([&] {
            watch.pump();
            return std::any_of(watch.events().begin(), watch.events().end(), wanted);
        });
    };
    // Before anything is known, as a founder, with a member, and when it is gone.
    ASSERT_TRUE(seen([](const Json& line) { return line.value("node", "") == "m1"; }));
    cluster.slave("s1");
    ASSERT_TRUE(
        seen([](const Json& line) { return line.contains("members") && line["members"].size() == 1; }));
    ASSERT_TRUE(seen([](const Json& line) { return line.value("status", "") == "SYNCHRONIZED"; }));
    cluster.forget(m1);
    ASSERT_TRUE(seen([](const Json& line) { return line.contains("error"); }));
    const std::set<std::string> keys = keys_of(watch.events().front());
    EXPECT_TRUE(keys.contains("role") && keys.contains("bound_ns") && keys.contains("lease_left_ns"));
    for (const Json& line : watch.events()) {
        EXPECT_EQ(keys_of(line), line.contains("error") ? (std::set<std::string>{"node", "error"}) : keys)
            << line;
    }
}

TEST(Cli, ABoundIsNullUntilItIsKnown) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "ready") != nullptr; }));
    const auto status = [&] {
        return Json::parse(run(BERKELEYCTL_PROGRAM, {"status", "--json", "--poll", cluster.url("m1")}).out);
    };
    const Json before = status();
    EXPECT_EQ(before["status"], "UNSYNCHRONIZED");
    EXPECT_TRUE(before["bound_ns"].is_null()) << before;
    cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    const Json after = status();
    EXPECT_GT(after["bound_ns"], 0) << after;
    EXPECT_EQ(keys_of(after), keys_of(before));
    const auto documented = testing::documented_fields();
    EXPECT_EQ(keys_of(after), documented.at("berkeleyctl status --json"));
    EXPECT_EQ(keys_of(after["members"][0]), documented.at("berkeleyctl status --json: members"));
}

TEST(Cli, AClockPageThatCannotBeReadHidesNoOther) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "ready") != nullptr; }));
    const std::string missing = cluster.page("nobody");
    const Finished both = run(BERKELEYCTL_PROGRAM, {"clock", "--json", cluster.page("m1"), missing});
    EXPECT_EQ(both.code, 1);
    EXPECT_EQ(std::count(both.err.begin(), both.err.end(), '\n'), 1) << both.err;
    EXPECT_TRUE(both.err.starts_with("berkeleyctl: " + missing + ": ")) << both.err;
    const Json shown = Json::parse(both.out);
    ASSERT_TRUE(shown.is_object() && shown["pages"].size() == 1) << both.out;
    EXPECT_EQ(shown["pages"][0]["path"], cluster.page("m1"));
    EXPECT_EQ(run(BERKELEYCTL_PROGRAM, {"clock", missing}).out, "");
    EXPECT_EQ(run(BERKELEYCTL_PROGRAM, {"clock", cluster.page("m1")}).code, 0);
}

TEST(Cli, RevokeSaysThatAFolderDoesNotExist) {
    const Cluster cluster;  // for its folder
    const std::string folder = (cluster.folder() / "none").string();
    const Finished finished = run(BERKELEYCTL_PROGRAM, {"revoke", "--dir", folder, "s1"});
    EXPECT_EQ(finished.code, 1);
    EXPECT_EQ(finished.err, "berkeleyctl: the folder " + folder + " does not exist\n");
}

TEST(Cli, APlusBeforeADriftChangesNothing) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    cluster.slave("s1", {"--clock-drift", "+30"});
    cluster.slave("s2", {"--clock-drift", "30"});
    const auto both_fast = [](const Json& e) {
        return std::all_of(e["peers"].begin(), e["peers"].end(), [](const Json& peer) {
            return peer["freq_ppb"] > 25'000 && peer["freq_ppb"] < 35'000;
        });
    };
    EXPECT_TRUE(cluster.wait_for([&] {
        return find(m1, "round", [&](const Json& e) { return e["peers"].size() == 2 && both_fast(e); }) !=
               nullptr;
    }));
}

TEST(Cli, LogLevelWarnSilencesInfo) {
    for (const auto& [level, talks] : {std::pair{"info", true}, std::pair{"warn", false}}) {
        Cluster cluster;
        Process& m1 = cluster.master("m1", {"--log-level", level});
        Process& s1 = cluster.slave("s1", {"--log-level", level});
        ASSERT_TRUE(cluster.wait_for([&] { return find(s1, "correction") != nullptr; }));
        for (const Process* process : {&m1, &s1}) {
            EXPECT_EQ(process->log().find(" info ") != std::string::npos, talks) << level << '\n'
                                                                                 << process->log();
        }
    }
}

}  // namespace
}  // namespace berkeley::test
