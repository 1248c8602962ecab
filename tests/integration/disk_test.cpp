// Disks that keep nothing, and one that does not answer, on real processes: a node without a memory makes no
// promise, and is a slave for all that.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "os/file_descriptor.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

/// A file system of 32 KiB. It is mounted nowhere: only this process holds it, and it ends with the process
/// even where that is killed.
class SmallDisk {
public:
    /// Why there can be none here; empty: there can.
    static std::string unavailable() {
        const SmallDisk tried;
        return tried.fd_ >= 0 ? "" : std::string("needs root for a file system: ") + std::strerror(errno);
    }

    SmallDisk() {
        const int context = ::fsopen("tmpfs", FSOPEN_CLOEXEC);
        if (context < 0) return;
        if (::fsconfig(context, FSCONFIG_SET_STRING, "size", "32k", 0) == 0 &&
            ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
            fd_ = ::fsmount(context, FSMOUNT_CLOEXEC, 0);
        }
        ::close(context);
    }
    ~SmallDisk() {
        if (fd_ >= 0) ::close(fd_);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    /// Where every process finds it.
    std::string path() const { return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_); }
    void make_read_only() {
        mount_attr attributes{};
        attributes.attr_set = MOUNT_ATTR_RDONLY;
        ASSERT_EQ(::mount_setattr(fd_, "", AT_EMPTY_PATH, &attributes, sizeof attributes), 0);
    }
    void fill() {
        std::ofstream filler(path() + "/filler");
        while (filler.write(std::string(4096, 'x').c_str(), 4096).flush()) {
        }
    }

private:
    int fd_ = -1;
};

class UselessDisk : public ::testing::Test {
protected:
    void SetUp() override {
        if (const std::string why = SmallDisk::unavailable(); !why.empty()) GTEST_SKIP() << why;
    }
    /// This node keeps its state there.
    void put_state_of(const std::string& id) {
        std::filesystem::create_directories(cluster_.folder() / "state");
        std::filesystem::create_directory_symlink(disk_.path(), cluster_.folder() / "state" / id);
    }
    bool log_has(const Process& process, const std::string& text) const {
        return process.log().find(text) != std::string::npos;
    }
    static bool has_led(const Process& process) {
        return find(process, "role",
                    [](const Json& e) { return e["role"] == "warmup" || e["role"] == "master"; }) != nullptr;
    }
    /// A standby that cannot promise anything follows, and does not take a lost master's place.
    void expect_only_a_slave(Process& m1, Process& m2, const std::string& why) {
        EXPECT_TRUE(cluster_.wait_for([&] { return log_has(m2, "does not vote until it is restarted"); }));
        EXPECT_TRUE(log_has(m2, why)) << m2.log();
        EXPECT_TRUE(cluster_.wait_agreement({"m1", "m2", "s1", "s2"}));
        m1.signal(SIGKILL);
        EXPECT_TRUE(cluster_.wait_for([&] {
            return find(m2, "status", [](const Json& e) { return e["status"] == "HOLDOVER"; }) != nullptr;
        }));
        EXPECT_FALSE(has_led(m2));
        EXPECT_EQ(find(m2, "exit"), nullptr);
    }

    SmallDisk disk_;
    Cluster cluster_;
};

TEST_F(UselessDisk, AStandbyStartedOnAFullOneIsASlave) {
    Process& m1 = cluster_.master("m1");
    for (const char* id : {"s1", "s2"}) cluster_.slave(id);
    put_state_of("m2");
    disk_.fill();
    Process& m2 = cluster_.standby("m2", "m1");
    expect_only_a_slave(m1, m2, "No space left");
}

TEST_F(UselessDisk, AStandbyStartedOnAReadOnlyOneIsASlave) {
    Process& m1 = cluster_.master("m1");
    for (const char* id : {"s1", "s2"}) cluster_.slave(id);
    put_state_of("m2");
    disk_.make_read_only();
    Process& m2 = cluster_.standby("m2", "m1");
    expect_only_a_slave(m1, m2, "Read-only file system");
}

TEST_F(UselessDisk, AMasterWhoseDiskFillsUpHandsOverAndStaysASlave) {
    put_state_of("m1");
    Process& m1 = cluster_.master("m1");
    Process& m2 = cluster_.standby("m2", "m1");
    Process& s1 = cluster_.slave("s1");
    cluster_.slave("s2");
    const auto voters = [](const Process& process) {
        const Json* last = nullptr;
        for (const Json& e : process.events()) {
            if (is(e, "committee")) last = &e;
        }
        return last == nullptr ? 0 : (*last)["voters"].size();
    };
    ASSERT_TRUE(cluster_.wait_for([&] { return voters(m1) == 3 && voters(m2) == 3; }));
    EXPECT_TRUE(cluster_.wait_agreement({"m1", "m2", "s1", "s2"}));
    disk_.fill();
    // There is room for five voters now, which the master has to remember.
    cluster_.slave("s3");
    EXPECT_TRUE(cluster_.wait_for([&] { return log_has(m1, "No space left") && has_led(m2); }));
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return find(s1, "correction", [](const Json& e) { return e["term"] == 2; }) != nullptr; }));
    EXPECT_TRUE(cluster_.wait_agreement({"m1", "m2", "s1", "s2", "s3"}));
    EXPECT_TRUE(log_has(m1, "does not vote until it is restarted"));
    const auto led = [&] {
        return std::count_if(m1.events().begin(), m1.events().end(),
                             [](const Json& e) { return is(e, "role") && e["role"] == "warmup"; });
    };
    EXPECT_EQ(led(), 1);
    m2.signal(SIGKILL);
    EXPECT_TRUE(cluster_.wait_for([&] {
        return find(m1, "status", [](const Json& e) { return e["status"] == "HOLDOVER"; }) != nullptr;
    }));
    EXPECT_EQ(led(), 1) << "it leads no more";
}

/// The worker that saves what was learned waits for its disk for ever: a FIFO that nobody reads stands where
/// it writes, so open() does not return.
TEST(StuckDisk, KeepsNobodyFromLeadingFollowingAndEndingInTime) {
    Cluster cluster;
    const auto fifo = [&](const std::string& id) {
        return (cluster.folder() / "state" / id / "learned.new").string();
    };
    for (const std::string id : {"m1", "m2", "s1", "s2"}) {
        std::filesystem::create_directories(cluster.folder() / "state" / id);
        ASSERT_EQ(::mkfifo(fifo(id).c_str(), 0600), 0);
    }
    // A machine whose processors are taken stops any process for a second now and then; a loop that waited
    // for the disk would stop for good.
    const std::vector<std::string> patient{"--heartbeat-interval", "500ms", "--heartbeat-timeout", "5s"};
    Process& m1 = cluster.master("m1", patient);
    Process& m2 = cluster.standby("m2", "m1", patient);
    Process& s1 = cluster.slave("s1", patient);
    Process& s2 = cluster.slave("s2", patient);
    ASSERT_TRUE(cluster.wait_agreement({"m1", "m2", "s1", "s2"}));
    // The page may be ahead of the event.
    for (const Process* process : {&m1, &m2, &s1, &s2}) {
        ASSERT_TRUE(cluster.wait_for([&] {
            return find(*process, "status", [](const Json& e) { return e["status"] == "SYNCHRONIZED"; }) !=
                   nullptr;
        }));
    }
    // All have learned of candidates by now, which is saved within two seconds; then 20 s at four rounds a
    // second.
    const auto rounds = [&] {
        return std::count_if(m1.events().begin(), m1.events().end(),
                             [](const Json& e) { return is(e, "round"); });
    };
    const auto since = [&](const Process& process) { return process.events().size(); };
    const std::array<std::size_t, 4> before{since(m1), since(m2), since(s1), since(s2)};
    const auto first = rounds();
    ASSERT_TRUE(cluster.wait_for([&] { return rounds() >= first + 80; }, seconds{60}));
    const std::array<const Process*, 4> nodes{&m1, &m2, &s1, &s2};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto& events = nodes[i]->events();
        for (std::size_t j = before[i]; j < events.size(); ++j) {
            EXPECT_FALSE(is(events[j], "role") || is(events[j], "status")) << events[j];
        }
    }
    EXPECT_TRUE(cluster.wait_agreement({"m1", "m2", "s1", "s2"}));
    // A reader lets the save go on, which shows that it had hung; it fails, since a pipe cannot be synced.
    const FileDescriptor reader(::open(fifo("s2").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(cluster.wait_for(
        [&] { return s2.log().find("learned: cannot save the state") != std::string::npos; }));
    for (Process* process : {&s1, &m2}) {
        process->signal(SIGTERM);
        EXPECT_EQ(process->wait_exit(seconds{1}), 0);
    }
}

}  // namespace
}  // namespace berkeley::test
