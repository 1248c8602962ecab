// What every other integration test relies on: a process does not outlive its test, whatever becomes of that.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

/// A shell with a child of its own, whose number it prints.
const std::vector<std::string> kParentOfASleeper{"-c", R"(sleep 100 & echo "{\"pid\":$!}"; wait)"};

bool lives(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    return (file >> number >> name >> state) && state != "Z";
}

bool dies_soon(pid_t pid) {
    Cluster cluster;  // for its way to wait
    return cluster.wait_for([&] { return !lives(pid); }, seconds{5});
}

TEST(Harness, ItsEndTakesWhatTheProgramHasStartedWithIt) {
    pid_t sleeper = 0;
    {
        Process shell("sh", kParentOfASleeper);
        ASSERT_TRUE(shell.wait_for([&] { return !shell.events().empty(); }, seconds{5}));
        sleeper = shell.events().front()["pid"];
        ASSERT_TRUE(lives(sleeper));
    }
    EXPECT_TRUE(dies_soon(sleeper));
}

TEST(Harness, AProgramDiesWithAParentThatIsKilled) {
    int channel[2];
    ASSERT_EQ(::pipe(channel), 0);
    const pid_t parent = ::fork();
    if (parent == 0) {
        const Process sleeper("sleep", {"100"});
        const pid_t pid = sleeper.pid();
        static_cast<void>(!::write(channel[1], &pid, sizeof pid));
        ::raise(SIGKILL);
    }
    pid_t sleeper = 0;
    ASSERT_EQ(::read(channel[0], &sleeper, sizeof sleeper), static_cast<ssize_t>(sizeof sleeper));
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(dies_soon(sleeper));
    ::close(channel[0]);
    ::close(channel[1]);
}

TEST(Harness, OutputBeyondThePipeIsReadAndBothStreamsAreKept) {
    const Finished done = run("sh", {"-c", "seq 1 500000; echo end >&2; exit 3"});
    EXPECT_EQ(done.code, 3);
    EXPECT_TRUE(done.out.ends_with("\n499999\n500000\n"));
    EXPECT_EQ(done.err, "end\n");
}

TEST(Harness, AProgramThatCannotBeExecutedIsAnError) {
    const auto started = Process::start({.program = "/nowhere/at/all"});
    ASSERT_FALSE(started);
    EXPECT_NE(started.error().find("/nowhere/at/all"), std::string::npos);
    EXPECT_EQ(run("/nowhere/at/all", {}).code, 127);
}

TEST(Harness, AValueComparesWithWhatItHolds) {
    const Json event = Json::parse(R"({"a": 1, "b": [true, 2.5, null], "c": "x", "d": {"e": -3}})");
    EXPECT_EQ(event["a"], 1);
    EXPECT_GT(event["b"][1], 2);
    EXPECT_EQ(event["b"][0], true);
    EXPECT_FALSE(event["b"][0] == 1);
    EXPECT_EQ(event["c"], "x");
    EXPECT_EQ(event["d"]["e"].get<int>(), -3);
    EXPECT_TRUE(event["none"]["deeper"].is_null());
    EXPECT_EQ(Json::parse(event.dump()), event);
    EXPECT_TRUE(Json::parse("{").is_discarded());
}

}  // namespace
}  // namespace berkeley::test
