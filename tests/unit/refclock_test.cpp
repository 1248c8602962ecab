// What a reader of NTP's shared memory and of chronyd's socket finds, by their documents.

#include "os/refclock.hpp"

#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

constexpr RefclockSample kSample{1'767'225'600'123'456'789, 1'767'225'601'000'000'001,
                                 std::chrono::nanoseconds{120}};

TEST(Refclock, SharedMemoryHoldsBothTimesOfOneInstant) {
    const int unit = 100 + ::getpid() % 150;  // not another test's
    auto shm = RefclockShm::open(unit);
    ASSERT_TRUE(shm) << shm.error();
    const int id = ::shmget(0x4e545030 + unit, 0, 0);
    ASSERT_GE(id, 0);
    const auto* words = static_cast<const char*>(::shmat(id, nullptr, SHM_RDONLY));
    const auto integer = [&](std::size_t at) {
        std::int32_t value = 0;
        std::memcpy(&value, words + at, sizeof value);
        return value;
    };
    const auto second = [&](std::size_t at) {
        std::int64_t value = 0;
        std::memcpy(&value, words + at, sizeof value);
        return value;
    };
    const int count = integer(4);
    shm->give(kSample);
    EXPECT_EQ(integer(0), 1) << "mode";
    EXPECT_EQ(integer(4), count + 2);
    EXPECT_EQ(second(8), 1'767'225'601) << "the clock's, which is right";
    EXPECT_EQ(integer(16), 0);
    EXPECT_EQ(second(24), 1'767'225'600) << "CLOCK_REALTIME then";
    EXPECT_EQ(integer(32), 123'456);
    EXPECT_EQ(integer(40), -22) << "precision: 2^-22 s is the first above 120 ns";
    EXPECT_EQ(integer(48), 1) << "valid";
    EXPECT_EQ(integer(52), 1) << "nanoseconds";
    EXPECT_EQ(integer(56), 123'456'789);
    { const RefclockShm ended = std::move(*shm); }
    EXPECT_EQ(integer(48), 0) << "an ended node vouches for nothing";
    ::shmdt(words);
    ::shmctl(id, IPC_RMID, nullptr);
}

TEST(Refclock, SocketGetsTheOffsetAndFailsInOneLineWhereNobodyListens) {
    const TemporaryDirectory folder;
    const std::string path = folder.path() / "chrony.sock";
    RefclockSock sock(path);
    const auto nobody = sock.give(kSample);
    ASSERT_FALSE(nobody);
    EXPECT_NE(nobody.error().find(path), std::string::npos) << nobody.error();
    const FileDescriptor reader(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(reader.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_TRUE(sock.give(kSample)) << "it is there now";
    struct {
        timeval at;
        double offset;
        int pulse, leap, unused, magic;
    } got{};
    ASSERT_EQ(::recv(reader.get(), &got, sizeof got, 0), static_cast<ssize_t>(sizeof got));
    EXPECT_EQ(got.at.tv_sec, 1'767'225'600);
    EXPECT_EQ(got.at.tv_usec, 123'456);
    EXPECT_NEAR(got.offset, 0.876543212, 1e-9);
    EXPECT_EQ(got.pulse, 0);
    EXPECT_EQ(got.magic, 0x534f434b);
}

TEST(Refclock, PathThatNoSocketCanHaveIsToldWithWhatIsAllowed) {
    RefclockSock sock(std::string(200, 'x'));
    const auto failed = sock.give(kSample);
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().find("107"), std::string::npos) << failed.error();
}

}  // namespace
}  // namespace berkeley
