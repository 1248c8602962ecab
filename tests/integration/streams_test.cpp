// Whatever becomes of a node's stdout and stderr, its clock goes on and it ends when it is asked to.

#include <berkeley/clock.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "os/file_descriptor.hpp"
#include "tests/integration/process.hpp"

namespace berkeley::test {
namespace {

class Streams : public ::testing::Test {
protected:
    /// Nodes get these redirections of the shell.
    void redirect(const std::string& redirections) {
        cluster_.wrap({"/bin/sh", "-c", "exec \"$@\" " + redirections, "sh"});
    }
    /// A pipe that is full from the start and that nobody reads.
    FileDescriptor full_pipe(const std::string& path) {
        EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
        FileDescriptor fifo(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
        ::fcntl(fifo.get(), F_SETPIPE_SZ, 4096);
        while (::write(fifo.get(), "\n", 1) == 1) {
        }
        return fifo;
    }
    void expect_synchronised() {
        nodes_.push_back(&cluster_.master("m1", {"--log-level", "debug"}));
        nodes_.push_back(&cluster_.slave("s1", {"--log-level", "debug"}));
        ASSERT_TRUE(cluster_.wait_for([&] { return synchronised("m1") && synchronised("s1"); }));
    }
    void expect_ending_in_a_second() {
        for (Process* node : nodes_) {
            node->signal(SIGTERM);
            EXPECT_EQ(node->wait_exit(milliseconds{1000}), 0);
        }
    }
    bool synchronised(const std::string& id) const {
        return cluster_.read(id).status == BERKELEY_CLOCK_SYNCHRONIZED;
    }
    std::string file(const std::string& name) const { return (cluster_.folder() / name).string(); }

    Cluster cluster_;
    std::vector<Process*> nodes_;
};

TEST_F(Streams, OfWhichNeitherIsReadHoldUpNothing) {
    const FileDescriptor out = full_pipe(file("out"));
    const FileDescriptor err = full_pipe(file("err"));
    redirect(">" + file("out") + " 2>" + file("err"));
    expect_synchronised();
    expect_ending_in_a_second();
}

TEST_F(Streams, ThatAreReadLateTellAllThatFitsIntoTheQueue) {
    const FileDescriptor err = full_pipe(file("err"));
    redirect("2>" + file("err"));
    expect_synchronised();
    std::string text;
    EXPECT_TRUE(cluster_.wait_for([&] {
        std::array<char, 4096> buffer{};
        const ssize_t size = ::read(err.get(), buffer.data(), buffer.size());
        if (size > 0) text.append(buffer.data(), static_cast<std::size_t>(size));
        return text.find("m1: clock is SYNCHRONIZED") != std::string::npos;
    })) << text;
    EXPECT_NE(text.find("m1: ready: "), std::string::npos) << text;
}

TEST_F(Streams, ThatAreClosedGetNothingAndNeitherDoesAFileInTheirPlace) {
    redirect(">&- 2>&- <&-");
    expect_synchronised();
    expect_ending_in_a_second();
}

TEST_F(Streams, OnAFullDiskHoldUpNothing) {
    redirect(">/dev/full 2>/dev/full");
    expect_synchronised();
    expect_ending_in_a_second();
}

TEST_F(Streams, WhoseReaderDiedHoldUpNothing) {
    FileDescriptor reader = full_pipe(file("dead"));
    redirect(">" + file("dead") + " 2>&1");
    expect_synchronised();
    reader.reset();
    expect_ending_in_a_second();
}

TEST_F(Streams, OnATerminalThatCtrlSHasStoppedHoldUpNothing) {
    int screen = -1;
    int terminal = -1;
    std::array<char, 64> name{};
    ASSERT_EQ(::openpty(&screen, &terminal, name.data(), nullptr, nullptr), 0);
    const FileDescriptor held_screen(screen);
    const FileDescriptor held_terminal(terminal);
    ASSERT_EQ(::tcflow(terminal, TCOOFF), 0);
    redirect(">" + std::string(name.data()) + " 2>&1");
    expect_synchronised();
    expect_ending_in_a_second();
}

}  // namespace
}  // namespace berkeley::test
