// berkeleyctl wait and run, and what systemd is told, with real processes.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <filesystem>
#include <string>

#include "os/file_descriptor.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

TEST(ClockCommands, WaitEndsOnceTheClockIsSynchronizedWithinTheBound) {
    Cluster cluster;
    const Finished early = run(BERKELEYCTL_PROGRAM, {"wait", "--timeout", "50ms", cluster.page("s1")});
    EXPECT_EQ(early.code, 1);
    EXPECT_NE(early.err.find("no such clock page"), std::string::npos) << early.err;
    cluster.master("m1");
    cluster.slave("s1");
    const Finished waited =
        run(BERKELEYCTL_PROGRAM, {"wait", "--bound", "10ms", "--timeout", "60s", cluster.page("s1")});
    EXPECT_EQ(waited.code, 0) << waited.err;
    EXPECT_NE(waited.out.find("SYNCHRONIZED, bound"), std::string::npos) << waited.out;
    EXPECT_EQ(cluster.read("s1").status, 1);
    EXPECT_LE(cluster.read("s1").bound, 11'000'000);
    const Finished narrow =
        run(BERKELEYCTL_PROGRAM, {"wait", "--bound", "1ns", "--timeout", "0", cluster.page("s1")});
    EXPECT_EQ(narrow.code, 1);
    EXPECT_NE(narrow.err.find("not within 1ns after"), std::string::npos) << narrow.err;
}

TEST(ClockCommands, RunStartsTheCommandAtTheInstantAndHandsOnItsExitCode) {
    Cluster cluster;
    cluster.master("m1", {"--clock-offset", "20m"});
    cluster.slave("s1");
    ASSERT_TRUE(cluster.wait_agreement({"m1", "s1"}));
    const std::string page = cluster.page("s1");
    // The page itself says when the command ran.
    const std::string show = std::string(BERKELEYCTL_PROGRAM) + " clock --json " + page + "; exit 7";
    const Json before = Json::parse(run(BERKELEYCTL_PROGRAM, {"clock", "--json", page}).out);
    const Finished ran =
        run(BERKELEYCTL_PROGRAM, {"run", "--at", "+300ms", "--page", page, "--", "sh", "-c", show});
    EXPECT_EQ(ran.code, 7) << ran.err;
    const auto now_of = [](const Json& shown) { return shown["pages"][0]["now_ns"].get<std::int64_t>(); };
    const std::int64_t waited = now_of(Json::parse(ran.out)) - now_of(before);
    EXPECT_GE(waited, 300'000'000);

    const auto code = [&](const std::string& at, const std::string& command) {
        return run(BERKELEYCTL_PROGRAM, {"run", "--at", at, "--page", page, "--", command}).code;
    };
    EXPECT_EQ(code("+0s", "true"), 0);
    EXPECT_EQ(code("+0s", "no-such-command"), 127);
    EXPECT_EQ(code("+0s", "/etc/passwd"), 126);
    EXPECT_EQ(code("2020-01-01T00:00:00Z", "true"), 1) << "that is over";
    EXPECT_EQ(code("noon", "true"), 2);
}

/// Stands for systemd.
class Manager {
public:
    explicit Manager(const std::string& path) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        EXPECT_LT(path.size(), sizeof at.sun_path);
        path.copy(at.sun_path, sizeof at.sun_path - 1);
        EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    }
    /// All that was heard until now, one message a line.
    const std::string& heard() {
        std::array<char, 512> text{};
        for (;;) {
            const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
            if (size < 0) return heard_;
            heard_.append(text.data(), static_cast<std::size_t>(size)).append("\n");
        }
    }
    bool has(const std::string& line) { return heard().find(line + "\n") != std::string::npos; }

private:
    FileDescriptor socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    std::string heard_;
};

TEST(ClockCommands, SystemdIsToldThatANodeIsReadyHowItIsAndThatItLives) {
    Cluster cluster;
    cluster.master("m1");
    const std::string socket = (cluster.folder() / "notify").string();
    Manager manager(socket);
    Process s1("/usr/bin/env", {"NOTIFY_SOCKET=" + socket, BERKELEY_SLAVE_PROGRAM, "--id", "s1", "--json",
                                "--master", cluster.url("m1"), "--clock-page", cluster.page("s1"),
                                "--state-dir", (cluster.folder() / "s1.state").string()});
    ASSERT_TRUE(cluster.wait_for([&] { return manager.has("READY=1"); }));
    EXPECT_TRUE(std::filesystem::exists(cluster.page("s1")));
    EXPECT_TRUE(cluster.wait_for([&] { return manager.has("STATUS=SYNCHRONIZED, following m1 in term 1"); }))
        << manager.heard();
    EXPECT_TRUE(manager.has("WATCHDOG=1"));
    EXPECT_FALSE(manager.has("STOPPING=1"));
    s1.signal(SIGTERM);
    EXPECT_EQ(s1.wait_exit(seconds{5}), 0);
    EXPECT_TRUE(manager.has("STOPPING=1"));
}

}  // namespace
}  // namespace berkeley::test
