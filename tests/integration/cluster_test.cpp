// The programs as their users run them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/harness/patience.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

std::size_t count(const Process& process, const char* name, const std::function<bool(const Json&)>& where) {
    std::size_t n = 0;
    for (const Json& event : process.events()) n += is(event, name) && where(event) ? 1U : 0U;
    return n;
}

TEST(Programs, TextbookCaseIsCorrectedByPlus5Plus15AndMinus20Minutes) {
    Cluster cluster;
    // A master at 3:00, slaves at 2:50 and 3:25.
    Process& m1 = cluster.master("m1", {"--clock-offset", "3h"});
    Process& s1 = cluster.slave("s1", {"--clock-offset", "170m"});
    Process& s2 = cluster.slave("s2", {"--clock-offset", "205m"});
    const std::vector<std::pair<Process*, double>> expected{{&m1, 5}, {&s1, 15}, {&s2, -20}};
    for (const auto& [process, minutes] : expected) {
        ASSERT_TRUE(
            cluster.wait_for([&, process = process] { return find(*process, "correction") != nullptr; }));
        const Json& first = *find(*process, "correction");
        EXPECT_NEAR(first["correction_ns"].get<double>(), minutes * 60e9, 50e6);
        EXPECT_EQ(first["applied"], "step");
    }
    EXPECT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
}

TEST(Programs, EveryEventCarriesNodeTermAndBothTimes) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    Process& s1 = cluster.slave("s1");
    ASSERT_TRUE(
        cluster.wait_for([&] { return find(s1, "correction") != nullptr && find(m1, "round") != nullptr; }));
    for (const Process* process : {&m1, &s1}) {
        ASSERT_TRUE(is(process->events().front(), "ready"));
        for (const Json& event : process->events()) {
            for (const char* field : {"event", "node", "term", "raw_ns", "cluster_ns"}) {
                EXPECT_TRUE(event.contains(field)) << event.dump();
            }
        }
    }
    const Json& round = *find(m1, "round");
    for (const char* field :
         {"round", "members", "replied", "average_ns", "split", "outliers", "duration_us", "peers"}) {
        EXPECT_TRUE(round.contains(field)) << field;
    }
    for (const char* field : {"offset_ns", "delay_ns", "bound_ns", "correction_ns", "freq_ppb"}) {
        EXPECT_TRUE(round["peers"]["s1"].contains(field)) << field;
    }
}

TEST(Programs, StandbyTakesOverWithin2SecondsOfAKillWithoutAStep) {
    Cluster cluster;
    Process& m1 = cluster.master("m1", {"--clock-drift", "-20"});
    Process& m2 = cluster.standby("m2", "m1", {"--clock-offset", "5m", "--clock-drift", "25"});
    std::vector<Process*> slaves;
    std::vector<std::string> ids{"m2"};
    for (int i = 0; i < 5; ++i) {
        ids.push_back("s" + std::to_string(i));
        slaves.push_back(&cluster.slave(ids.back(), {"--clock-offset", std::to_string(17 * i - 40) + "m",
                                                     "--clock-drift", std::to_string(20 * i - 40)}));
    }
    std::vector<std::string> all = ids;
    all.push_back("m1");
    ASSERT_TRUE(cluster.wait_agreement(all));
    ASSERT_TRUE(cluster.wait_for(
        [&] { return find(m2, "role", [](const Json& e) { return e["role"] == "standby"; }); }));
    m1.signal(SIGKILL);
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    const std::int64_t killed = now.tv_sec * 1'000'000'000 + now.tv_nsec;
    const auto in_new_term = [](const Json& e) { return e["term"] >= 2; };
    for (const Process* slave : slaves) {
        ASSERT_TRUE(cluster.wait_for([&] { return find(*slave, "correction", in_new_term) != nullptr; }));
        const Json& first = *find(*slave, "correction", in_new_term);
        EXPECT_LT(first["raw_ns"].get<std::int64_t>() - killed, 2'000'000'000);
    }
    EXPECT_TRUE(cluster.wait_agreement(ids));
    for (const Process* slave : slaves) {
        EXPECT_EQ(count(*slave, "correction", [](const Json& e) { return e["applied"] == "step"; }), 1U)
            << "only the first synchronisation";
    }
}

TEST(Programs, OldMasterReturnsAsStandby) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    Process& m2 = cluster.standby("m2", "m1");
    cluster.slave("s1");
    cluster.slave("s2");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "m2", "s1", "s2"}));
    cluster.forget(m1);
    const auto leads = [](const Json& e) { return e["role"] == "master"; };
    ASSERT_TRUE(cluster.wait_for([&] { return find(m2, "role", leads) != nullptr; }));
    Process& back = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for(
        [&] { return find(back, "role", [](const Json& e) { return e["role"] == "standby"; }); }));
    EXPECT_TRUE(cluster.wait_agreement({"m1", "m2", "s1", "s2"}));
    EXPECT_EQ(find(back, "role", leads), nullptr);
}

TEST(Programs, OfTwoMastersWithoutSlavesTheStandbyLeadsWhenTheMasterIsAskedToStop) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    Process& m2 = cluster.standby("m2", "m1");
    const auto leads = [](const Json& e) { return e["role"] == "master"; };
    const auto alone = [](const char* id) { return [id](const Json& e) { return e["voters"] == Json{id}; }; };
    ASSERT_TRUE(cluster.wait_agreement({"m1", "m2"}));
    m1.signal(SIGTERM);
    EXPECT_EQ(m1.wait_exit(seconds{5}), 0);
    ASSERT_TRUE(
        cluster.wait_for([&] { return find(m2, "role", leads) && find(m2, "committee", alone("m2")); }));
    // And back again.
    cluster.forget(m1);
    Process& back = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(back, "correction") != nullptr; }))
        << "it is a standby that follows";
    m2.signal(SIGTERM);
    EXPECT_EQ(m2.wait_exit(seconds{5}), 0);
    EXPECT_TRUE(
        cluster.wait_for([&] { return find(back, "role", leads) && find(back, "committee", alone("m1")); }));
}

TEST(Programs, ASecondSignalEndsAMasterThatStaysForItsSuccessor) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    Process& m2 = cluster.standby("m2", "m1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "m2"}));
    m2.signal(SIGSTOP);
    m1.signal(SIGTERM);
    ASSERT_TRUE(cluster.wait_for(
        [&] { return m1.log().find("no longer needs this node's vote") != std::string::npos; }));
    m1.signal(SIGINT);
    EXPECT_EQ(m1.wait_exit(seconds{5}), 0);
    EXPECT_EQ(m1.events().back()["reason"], "SIGINT") << "it did not wait for the end of its patience";
    m2.signal(SIGCONT);
}

TEST(Programs, SlavesStartedBeforeTheirMasterFindIt) {
    Cluster cluster;
    cluster.slave("s1", {"--clock-offset", "-1h"});
    cluster.slave("s2", {"--clock-offset", "1h"});
    ASSERT_TRUE(cluster.wait_for([&] { return std::filesystem::exists(cluster.page("s2")); }));
    cluster.master("m1");
    EXPECT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
}

TEST(Programs, RestartedSlaveIsAcceptedAndASecondOneOfItsNameIsRefused) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    cluster.slave("s2");
    Process& first = cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
    // The impostor has a state and a page of its own; the later of two options counts.
    Process impostor(BERKELEY_SLAVE_PROGRAM,
                     {"--id", "s1", "--json", "--master", cluster.url("m1"), "--clock-page", "none",
                      "--state-dir", (cluster.folder() / "other").string()});
    ASSERT_TRUE(cluster.wait_for([&] { return impostor.log().find("in use") != std::string::npos; }));
    EXPECT_NE(m1.log().find("claims the name s1"), std::string::npos);
    EXPECT_EQ(find(m1, "member", [](const Json& e) { return e["change"] == "left"; }), nullptr);
    impostor.signal(SIGKILL);
    cluster.forget(first);
    cluster.slave("s1", {"--clock-offset", "2h"});
    EXPECT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
}

TEST(Programs, StoppedSlaveLeavesAndComesBack) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    Process& s1 = cluster.slave("s1");
    cluster.slave("s2");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
    s1.signal(SIGSTOP);
    const auto left = [](const Json& e) { return e["id"] == "s1" && e["change"] == "left"; };
    EXPECT_TRUE(cluster.wait_for([&] { return find(m1, "member", left) != nullptr; }));
    s1.signal(SIGCONT);
    const auto again = [](const Json& e) { return e["id"] == "s1" && e["change"] == "joined"; };
    EXPECT_TRUE(cluster.wait_for([&] { return count(m1, "member", again) == 2; }));
    EXPECT_TRUE(cluster.wait_agreement({"m1", "s1", "s2"}));
}

class EndOnSignal : public ::testing::TestWithParam<int> {
protected:
    /// From the signal until the process is gone. Its last word is an exit event with code 0.
    static milliseconds time_to_end(Process& process) {
        const auto asked = std::chrono::steady_clock::now();
        process.signal(GetParam());
        EXPECT_EQ(process.wait_exit(harness::kSlowness * seconds{5}), 0) << process.log();
        const auto took = std::chrono::steady_clock::now() - asked;
        EXPECT_FALSE(process.events().empty());
        if (!process.events().empty()) {
            const Json& last = process.events().back();
            EXPECT_TRUE(is(last, "exit") && last["code"] == 0) << last.dump();
        }
        return std::chrono::duration_cast<milliseconds>(took);
    }

    /// `longest_end` builds a cluster, ends its nodes, and returns how long the slowest took. The threads of
    /// a program that ends wait for each other, and each of them for a processor: a loaded machine may take
    /// more than a second once, but not always.
    static void expect_within_a_second(const std::function<milliseconds()>& longest_end) {
        milliseconds best = milliseconds::max();
        for (int i = 0; i < 5 && best >= harness::kSlowness * seconds{1} && !HasFailure(); ++i)
            best = std::min(best, longest_end());
        EXPECT_LT(best, harness::kSlowness * seconds{1});
    }
};

TEST_P(EndOnSignal, ASlaveAStandbyAndALeaderEndWithinASecondAndSayGoodbye) {
    expect_within_a_second([] {
        Cluster cluster;
        Process& m1 = cluster.master("m1");
        Process& m2 = cluster.standby("m2", "m1");
        Process& s1 = cluster.slave("s1");
        cluster.slave("s2");
        const auto left = [&](const char* id) {
            return cluster.wait_for([&] {
                return find(m1, "member",
                            [&](const Json& e) { return e["id"] == id && e["change"] == "left"; }) != nullptr;
            });
        };
        EXPECT_TRUE(cluster.wait_agreement({"m1", "m2", "s1", "s2"}));
        milliseconds longest = time_to_end(s1);
        EXPECT_TRUE(left("s1"));
        EXPECT_TRUE(std::filesystem::exists(cluster.folder() / "state" / "s1"));
        longest = std::max(longest, time_to_end(m2));
        EXPECT_TRUE(left("m2"));
        return std::max(longest, time_to_end(m1));
    });
}

TEST_P(EndOnSignal, ALeaderThatHandsOverEndsWithinASecond) {
    expect_within_a_second([] {
        Cluster cluster;
        Process& m1 = cluster.master("m1");
        Process& m2 = cluster.standby("m2", "m1");
        for (const char* id : {"s1", "s2"}) cluster.slave(id);
        // Two voters of three elect the successor without the leader's own vote.
        const auto of_three = [](const Json& e) { return e["voters"].size() == 3; };
        EXPECT_TRUE(cluster.wait_for([&] { return find(m2, "committee", of_three) != nullptr; }));
        EXPECT_TRUE(cluster.wait_agreement({"m1", "m2", "s1", "s2"}));
        const milliseconds took = time_to_end(m1);
        EXPECT_TRUE(cluster.wait_for(
            [&] { return find(m2, "role", [](const Json& e) { return e["role"] == "master"; }); }));
        return took;
    });
}

INSTANTIATE_TEST_SUITE_P(Signals, EndOnSignal, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& test) { return test.param == SIGINT ? "SIGINT" : "SIGTERM"; });

TEST(Programs, StatusIsTheSameForPeopleAndScripts) {
    Cluster cluster;
    cluster.master("m1");
    cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    const Finished json = run(BERKELEYCTL_PROGRAM, {"status", "--poll", cluster.url("m1"), "--json"});
    ASSERT_EQ(json.code, 0) << json.err;
    const Json status = Json::parse(json.out);
    EXPECT_EQ(status["node"], "m1");
    EXPECT_EQ(status["role"], "master");
    EXPECT_EQ(status["members"].size(), 1U);
    EXPECT_EQ(status["members"][0]["id"], "s1");
    const Finished table = run(BERKELEYCTL_PROGRAM, {"status", "--poll", cluster.url("m1")});
    EXPECT_NE(table.out.find("m1 is master in term 1"), std::string::npos);
    EXPECT_NE(table.out.find("s1"), std::string::npos);
    const Finished nobody =
        run(BERKELEYCTL_PROGRAM, {"status", "--poll", cluster.url("nobody"), "--timeout", "200ms"});
    EXPECT_EQ(nobody.code, 1);
    EXPECT_NE(nobody.err.find("no answer"), std::string::npos);
}

TEST(Programs, PortInUseEndsWithCode1AndOneLine) {
    Cluster cluster;
    Process& m1 = cluster.master("m1");
    ASSERT_TRUE(cluster.wait_for([&] { return find(m1, "ready") != nullptr; }));
    const Finished second = run(
        BERKELEY_MASTER_PROGRAM,
        {"--id", "m9", "--poll", cluster.url("m1"), "--publish", cluster.url("m9", "p"), "--heartbeat",
         cluster.url("m9", "h"), "--clock-page", "none", "--state-dir", (cluster.folder() / "m9").string()});
    EXPECT_EQ(second.code, 1);
    EXPECT_NE(second.err.find("--poll"), std::string::npos) << second.err;
    EXPECT_EQ(std::count(second.err.begin(), second.err.end(), '\n'), 1) << second.err;
}

TEST(Programs, BadUsageEndsWithCode2AndOneLineThatNamesTheOption) {
    const std::vector<std::tuple<std::string, std::vector<std::string>, std::string>> cases{
        {BERKELEY_MASTER_PROGRAM, {"--interval", "soon"}, "--interval"},
        {BERKELEY_MASTER_PROGRAM, {"--poll", "http://x"}, "--poll"},
        {BERKELEY_MASTER_PROGRAM, {"--frobnicate"}, "--frobnicate"},
        {BERKELEY_MASTER_PROGRAM, {"--config", "/nonexistent.toml"}, "--config"},
        {BERKELEY_MASTER_PROGRAM, {"--poll", "tcp://*:5250"}, "--insecure"},
        {BERKELEY_SLAVE_PROGRAM, {"--master", "tcp://host"}, "--master"},
        {BERKELEY_SLAVE_PROGRAM, {"--clock-drift", "fast"}, "--clock-drift"},
        {BERKELEY_SLAVE_PROGRAM, {"--id", "no spaces"}, "--id"},
        {BERKELEYCTL_PROGRAM, {"status", "--timeout", "never"}, "--timeout"},
        {BERKELEYCTL_PROGRAM, {"frobnicate"}, "frobnicate"},
        {BERKELEY_BENCH_PROGRAM, {"frobnicate"}, "frobnicate"},
    };
    for (const auto& [program, arguments, named] : cases) {
        const Finished finished = run(program, arguments);
        EXPECT_EQ(finished.code, 2) << program << ' ' << arguments.front();
        EXPECT_NE(finished.err.find(named), std::string::npos) << finished.err;
        EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
    }
}

}  // namespace
}  // namespace berkeley::test
