// Every benchmark, as short as it can be: that it runs, keeps its contract with scripts and leaves nothing
// behind. What it measures is not judged here.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

namespace fs = std::filesystem;

/// The object that a benchmark prints, with the keys that scripts rely on.
Json bench(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Finished finished = run(BERKELEY_BENCH_PROGRAM, arguments, seconds{60});
    EXPECT_EQ(finished.code, 0) << finished.err;
    Json json = Json::parse(finished.out);
    if (!json.is_object()) {
        ADD_FAILURE() << "no JSON object: " << finished.out;
        return Json::parse(R"({"rows": [], "ratios": {}, "violations": -1, "machine": {}})");
    }
    EXPECT_EQ(json["bench"], arguments.front());
    EXPECT_TRUE(json["machine"].is_object());
    EXPECT_TRUE(json["violations"].is_number_unsigned());
    EXPECT_FALSE(json["rows"].empty());
    for (const Json& row : json["rows"]) {
        EXPECT_TRUE(row["name"].is_string() && row["unit"].is_string()) << row;
        EXPECT_GT(row["n"].get<std::uint64_t>(), 0U) << row;
        double last = row["min"].get<double>();
        for (const char* key : {"p50", "p99", "p99_9", "max"}) {
            EXPECT_GE(row[key].get<double>(), last) << row;
            last = row[key].get<double>();
        }
    }
    for (const auto& [name, ratio] : json["ratios"].items()) EXPECT_GT(ratio.get<double>(), 0) << name;
    return json;
}

void expect_rows(const Json& json, const std::vector<std::string>& names) {
    std::set<std::string> there;
    for (const Json& row : json["rows"])
        EXPECT_TRUE(there.insert(row["name"]).second) << row["name"] << " twice";
    for (const std::string& name : names) EXPECT_TRUE(there.contains(name)) << name;
}

void expect_ratios(const Json& json, const std::vector<std::string>& names) {
    for (const std::string& name : names) EXPECT_TRUE(json["ratios"].contains(name)) << name;
}

/// The parent of a process; 0 where it is dead, waited for or not.
pid_t parent_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream rest(
        text.substr(std::min(text.size(), text.rfind(')') + 1)));  // the name before may hold anything
    char state = 'Z';
    pid_t parent = 0;
    rest >> state >> parent;
    return state == 'Z' ? 0 : parent;
}

std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        if (pid > 0 && parent_of(pid) == parent) found.push_back(pid);
    }
    return found;
}

TEST(Bench, LatencyKeepsItsContract) {
    const Json json = bench({"latency", "--count", "200"});
    expect_rows(json, {"poll_tcp", "libzmq_tcp", "raw_tcp", "poll_ipc", "libzmq_ipc", "poll_inproc",
                       "libzmq_inproc", "poll_tcp_curve"});
    expect_ratios(json, {"poll_tcp/libzmq_tcp", "poll_tcp/libzmq_tcp_p99"});
    EXPECT_EQ(json["violations"], 0);
}

TEST(Bench, AccuracyKeepsItsContract) {
    const Json json = bench({"accuracy", "--slaves", "2", "--settle", "0s", "--duration", "1s"});
    expect_rows(json, {"spread_idle", "spread_loaded", "bound_idle", "bound_loaded", "single_cristian_idle",
                       "single_cristian_loaded", "tutorial_idle", "clock_read", "clock_gettime"});
    EXPECT_EQ(json["violations"], 0) << json["machine"];
}

TEST(Bench, TakeoverKeepsItsContract) {
    const Json json =
        bench({"takeover", "--kills", "1", "--slaves", "2", "--settle", "2s", "--profile", "default"});
    expect_rows(json, {"first_heartbeat_default", "first_correction_default", "spread_through_default"});
    EXPECT_EQ(json["violations"], 0);
}

TEST(Bench, ScaleKeepsItsContract) {
    const Json json = bench({"scale", "--slaves", "8", "--rounds", "3"});
    expect_rows(json, {"round_8", "libzmq_round_8", "publish_8", "libzmq_publish_8"});
    expect_ratios(json, {"round_8/libzmq_round_8", "publish_8/libzmq_publish_8"});
    EXPECT_EQ(json["violations"], 0);
}

TEST(Bench, ATableHasNoPercentileThatItsSamplesCannotTell) {
    const Finished finished =
        run(BERKELEY_BENCH_PROGRAM, {"scale", "--slaves", "8", "--rounds", "3"}, seconds{60});
    EXPECT_EQ(finished.code, 0) << finished.err;
    std::istringstream lines(finished.out);
    int rows = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::vector<std::string> row;
        for (std::string word; words >> word;) row.push_back(word);
        if (row.size() != 8 || row[1] != "us") continue;
        ++rows;
        EXPECT_TRUE(row[5] == "-" && row[6] == "-" && row[4] != "-" && row[7] != "-") << line;
    }
    EXPECT_EQ(rows, 4) << finished.out;
}

TEST(Bench, SimulateKeepsItsContractAndASeedRepeatsBitForBit) {
    const Json first = bench({"simulate", "--seed", "7"});
    const Json second = bench({"simulate", "--seed", "7"});
    EXPECT_EQ(first["violations"], 0);
    for (const char* key : {"rows", "ratios"}) EXPECT_EQ(first[key], second[key]);
}

TEST(Bench, AFailingReplayPrintsTheCommandThatRepeatsIt) {
    const Cluster cluster;  // for its folder
    const std::string delays = (cluster.folder() / "delays").string();
    // Whole bursts are 20 ms slower on one way, now on this one and now on that one: no estimator bears it.
    std::ofstream(delays) << "# berkeley delays 1\n0 0 1000 20000000\n250000000 0 1000 20000000\n"
                             "500000000 0 20000000 1000\n750000000 0 20000000 1000\n";
    const Finished first = run(BERKELEY_BENCH_PROGRAM, {"simulate", "--scenario", "recorded-idle",
                                                        "--idle-delays", delays, "--seed", "3"});
    EXPECT_EQ(first.code, 1);
    const std::string printed = "repeat it: ";
    const auto at = first.err.find(printed);
    ASSERT_NE(at, std::string::npos) << first.err;
    const std::string command = first.err.substr(at + printed.size() + std::string("berkeley-bench").size());
    const Finished second = run("sh", {"-c", "exec " BERKELEY_BENCH_PROGRAM + command});
    EXPECT_EQ(second.code, 1);
    EXPECT_EQ(second.err, first.err);
}

TEST(Bench, CodecKeepsItsContract) {
    const Json json = bench({"codec", "--benchmark_repetitions=3"});
    for (const char* kind :
         {"hello", "welcome", "poll", "reply", "round", "correction", "heartbeat", "ack", "prevote", "vote",
          "grant", "refuse", "stepdown", "status_request", "status_answer", "bye"}) {
        for (const std::string what : {"encode_", "decode_"}) {
            expect_rows(json, {what + kind, "msgpack_" + what + kind});
            expect_ratios(json, {what + kind + "/msgpack_" + what + kind});
        }
    }
    expect_rows(json, {"average_10000", "cold_average_10000", "sort_10000"});
    EXPECT_EQ(json["violations"], 0);
}

TEST(Bench, InterruptedItLeavesNoProcessAndNoFile) {
    const Cluster cluster;  // for its folder
    const std::pair<std::vector<std::string>, std::size_t> cases[] = {
        {{"takeover", "--slaves", "2"}, 4},
        {{"accuracy", "--slaves", "2"}, 3},
        {{"scale", "--slaves", "32", "--rounds", "1000"}, 2},
    };
    for (const auto& [command, processes] : cases) {
        const fs::path temporary = cluster.folder() / command.front();
        fs::create_directory(temporary);
        std::vector<std::string> arguments{"TMPDIR=" + temporary.string(), BERKELEY_BENCH_PROGRAM};
        arguments.insert(arguments.end(), command.begin(), command.end());
        Process process("env", arguments);
        std::vector<pid_t> children;
        const auto wait_until = [](const std::function<bool()>& holds) {
            const auto end = std::chrono::steady_clock::now() + seconds{20};
            while (!holds() && std::chrono::steady_clock::now() < end) ::usleep(10'000);
            return holds();
        };
        const auto started = [&, wanted = processes] {
            children = children_of(process.pid());
            return children.size() >= wanted;
        };
        ASSERT_TRUE(wait_until(started)) << command.front() << ": " << process.log();
        process.signal(SIGINT);
        EXPECT_EQ(process.wait_exit(seconds{20}), 128 + SIGINT) << command.front();
        for (const pid_t child : children)
            EXPECT_TRUE(wait_until([&] { return parent_of(child) == 0; })) << command.front();
        EXPECT_TRUE(fs::is_empty(temporary)) << command.front();
    }
}

TEST(Bench, MistakesAreNamedInOneShortLine) {
    const std::pair<std::vector<std::string>, std::string> cases[] = {
        {{"simulate", "--scenario", "nope"},
         "--scenario: 'nope' is not allowed: one of those that --list lists"},
        {{"simulate", "--scenario", "recorded-idle"},
         "--scenario: 'recorded-idle' is not allowed without --idle-delays"},
        {{"simulate", "--scenario", "recorded-loaded"}, "without --loaded-delays"},
        {{"scale", "--slaves", "1"}, "--slaves"},
        {{"scale", "--slaves", "8,many"}, "--slaves"},
        {{"latency", "--count", "none"}, "--count"},
    };
    for (const auto& [arguments, expected] : cases) {
        const Finished finished = run(BERKELEY_BENCH_PROGRAM, arguments);
        EXPECT_EQ(finished.code, 2) << expected;
        EXPECT_NE(finished.err.find(expected), std::string::npos) << finished.err;
        EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
        EXPECT_LT(finished.err.size(), 120U) << finished.err;
    }
    const Finished list = run(BERKELEY_BENCH_PROGRAM, {"simulate", "--list"});
    EXPECT_EQ(list.code, 0);
    EXPECT_NE(list.out.find("\n  recorded-loaded "), std::string::npos) << list.out;
}

TEST(Bench, ScaleRefusesWhatTheLimitOfFilesDoesNotBear) {
    const Finished finished =
        run("sh", {"-c", "ulimit -n 1000; exec " BERKELEY_BENCH_PROGRAM " scale --slaves 8,1024"});
    EXPECT_EQ(finished.code, 2);
    EXPECT_EQ(
        finished.err,
        "berkeley-bench: --slaves: 1024 need 4256 open files and this machine allows 1000 (ulimit -Hn): "
        "at most 210 are allowed\n");
}

}  // namespace
}  // namespace berkeley::test
