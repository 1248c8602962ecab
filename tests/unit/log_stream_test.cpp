#include "log/log_stream.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <thread>
#include <vector>

#include "os/file_descriptor.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

struct Ends {
    FileDescriptor reader;
    FileDescriptor writer;
};

Ends pipe_ends() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
    return {FileDescriptor(fds[0]), FileDescriptor(fds[1])};
}

/// What can be read now.
std::string read_now(int fd) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 65536> buffer{};
    for (ssize_t size = 0; (size = ::read(fd, buffer.data(), buffer.size())) > 0;) {
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

void drain(LogStream& stream, Duration patience = 0ms) {
    if (stream.claim()) stream.drain(patience);
}

TEST(LogStream, WritesEachLineAtOnce) {
    // Such a socket keeps the borders of what was written.
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()), 0);
    const FileDescriptor reader(fds[0]);
    const FileDescriptor writer(fds[1]);
    LogStream stream(writer.get(), 100'000);
    const std::vector<std::string> lines{"one", std::string(4095, 'x'), "three"};
    for (const std::string& line : lines) EXPECT_TRUE(stream.append(line));
    drain(stream);
    std::array<char, 8192> buffer{};
    for (const std::string& line : lines) {
        const ssize_t size = ::recv(reader.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        ASSERT_GT(size, 0);
        EXPECT_EQ(std::string(buffer.data(), static_cast<std::size_t>(size)), line + "\n");
    }
}

TEST(LogStream, ProcessesThatShareAPipeTearNoLine) {
    Ends ends = pipe_ends();
    const auto write_many = [&](char letter) {
        LogStream stream(ends.writer.get(), 10'000'000);
        for (int i = 0; i < 500; ++i) EXPECT_TRUE(stream.append(std::string(3000, letter)));
        drain(stream, 20s);
    };
    std::string text;
    std::thread reader([&] {
        std::array<char, 65536> buffer{};
        for (ssize_t size = 0; (size = ::read(ends.reader.get(), buffer.data(), buffer.size())) > 0;) {
            text.append(buffer.data(), static_cast<std::size_t>(size));
        }
    });
    std::thread a(write_many, 'a');
    std::thread b(write_many, 'b');
    a.join();
    b.join();
    ends.writer.reset();
    reader.join();
    const auto lines = lines_of(text);
    ASSERT_EQ(lines.size(), 1000U);
    for (const std::string& line : lines) EXPECT_EQ(line, std::string(3000, line[0]));
}

TEST(LogStream, AStalledReaderLosesOneGapOfWholeLinesAndItsSizeIsToldWhenItReadsAgain) {
    const Ends ends = pipe_ends();
    LogStream stream(ends.writer.get(), 100'000);
    std::uint64_t lost = 0;
    int first_of_gap = 0;
    for (int i = 0; i < 1000; ++i) {
        if (!stream.append(std::to_string(i) + std::string(500, '.'))) ++first_of_gap;
        drain(stream);
        lost += stream.take_lost();
    }
    EXPECT_EQ(first_of_gap, 1) << "the start of the gap is told once";
    EXPECT_EQ(lost, 0U) << "the gap lasts";
    std::string text;
    for (std::string part; !(part = read_now(ends.reader.get())).empty(); text += part) drain(stream);
    lost = stream.take_lost();
    const auto lines = lines_of(text);
    EXPECT_EQ(lines.size() + lost, 1000U);
    EXPECT_GT(lines.size(), 300U);
    EXPECT_GT(lost, 300U);
    for (std::size_t i = 0; i < lines.size(); ++i)
        EXPECT_EQ(lines[i], std::to_string(i) + std::string(500, '.'));
    EXPECT_TRUE(stream.append("again"));
    drain(stream);
    EXPECT_EQ(read_now(ends.reader.get()), "again\n");
    EXPECT_EQ(stream.take_lost(), 0U);
}

TEST(LogStream, ALineOfMegabytesArrivesWhole) {
    const Ends ends = pipe_ends();
    LogStream stream(ends.writer.get(), 8 << 20);
    const std::string line(3'000'000, 'x');
    ASSERT_TRUE(stream.append(line));
    ASSERT_TRUE(stream.append("next"));
    std::thread writer([&] { drain(stream, 20s); });
    std::string text;
    std::array<char, 65536> buffer{};
    while (text.size() < line.size() + 6) {
        const ssize_t size = ::read(ends.reader.get(), buffer.data(), buffer.size());
        ASSERT_GT(size, 0);
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    writer.join();
    EXPECT_EQ(text, line + "\nnext\n");
}

TEST(LogStream, AStoppedTerminalHoldsUpNobodyAndLosesNothing) {
    int master = -1;
    int slave = -1;
    termios raw{};
    ::cfmakeraw(&raw);
    ASSERT_EQ(::openpty(&master, &slave, nullptr, &raw, nullptr), 0);
    const FileDescriptor screen(master);
    const FileDescriptor terminal(slave);
    ASSERT_EQ(::tcflow(terminal.get(), TCOOFF), 0);  // what Ctrl-S does
    LogStream stream(terminal.get(), 100'000);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(stream.append("line"));
    drain(stream, 10ms);
    EXPECT_EQ(read_now(screen.get()), "");
    ASSERT_EQ(::tcflow(terminal.get(), TCOON), 0);
    drain(stream, 10ms);
    EXPECT_EQ(lines_of(read_now(screen.get())).size(), 10U);
}

TEST(LogStream, AReaderThatIsGoneEndsTheStreamAndIsToldOnce) {
    ::signal(SIGPIPE, SIG_IGN);
    Ends ends = pipe_ends();
    ends.reader.reset();
    LogStream stream(ends.writer.get(), 100);
    EXPECT_TRUE(stream.append("a"));
    drain(stream);
    EXPECT_EQ(stream.take_end(), EPIPE);
    EXPECT_EQ(stream.take_end(), 0);
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(stream.append("swallowed"));
    EXPECT_FALSE(stream.claim());
    EXPECT_EQ(stream.take_lost(), 0U);
}

TEST(LogStream, AClosedDescriptorEndsTheStream) {
    constexpr int kClosed = 1000;
    LogStream stream(kClosed, 100);
    EXPECT_TRUE(stream.append("a"));
    drain(stream);
    EXPECT_EQ(stream.take_end(), EBADF);
}

TEST(LogStream, AFullDiskIsTriedAgain) {
    const FileDescriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    LogStream stream(full.get(), 100);
    EXPECT_TRUE(stream.append("a"));
    drain(stream, 1h);
    EXPECT_EQ(stream.take_end(), 0);
    EXPECT_TRUE(stream.claim());
}

}  // namespace
}  // namespace berkeley
