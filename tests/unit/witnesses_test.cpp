// The witnesses of jumps of a machine's time, with files in the place of the kernel's.

#include "os/witnesses.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

Duration slept{0};
SuspendDetector::Reading reading() { return {Duration{1}, Duration{1} + slept, Duration{1}}; }

class WitnessesTest : public ::testing::Test {
protected:
    WitnessesTest() {
        slept = Duration{0};
        places_ = {directory_.path() / "vmclock0", directory_.path() / "current_clocksource"};
        put<std::uint32_t>(0, 0x4b4c4356);
        put<std::uint32_t>(4, 112);
        write_page();
        write_source("tsc");
    }

    template <class Word>
    void put(std::size_t offset, Word word) {
        std::memcpy(page_.data() + offset, &word, sizeof word);
    }
    void write_page(std::size_t bytes = 4096) {
        std::fstream file(places_.vm_clock, std::ios::in | std::ios::out | std::ios::binary);
        if (!file) file.open(places_.vm_clock, std::ios::out | std::ios::binary);
        file.write(page_.data(), static_cast<std::streamsize>(bytes));
    }
    void write_source(const std::string& name) { std::ofstream(places_.clock_source) << name << "\n"; }
    Witnesses witnesses() { return Witnesses(SuspendDetector{reading}, places_); }

    TemporaryDirectory directory_;
    WitnessPlaces places_;
    std::vector<char> page_ = std::vector<char>(4096, 0);
};

TEST_F(WitnessesTest, SleepOfTheMachineIsSeenOnce) {
    Witnesses seen = witnesses();
    EXPECT_EQ(seen.look(), "");
    slept = std::chrono::hours{1};
    EXPECT_EQ(seen.look(), "the machine was suspended");
    EXPECT_EQ(seen.look(), "");
}

TEST_F(WitnessesTest, ChangedDisruptionMarkerOfTheHypervisorIsSeenOnce) {
    put<std::uint64_t>(16, 41);
    write_page();
    Witnesses seen = witnesses();
    EXPECT_EQ(seen.look(), "");
    put<std::uint64_t>(40, 12345);  // the hypervisor's counter goes on: no disruption
    write_page();
    EXPECT_EQ(seen.look(), "");
    put<std::uint64_t>(16, 42);
    write_page();
    EXPECT_EQ(seen.look(), "the virtual machine was paused, moved or restored");
    EXPECT_EQ(seen.look(), "");
}

TEST_F(WitnessesTest, GenerationCountsWhereThePageHasOneOnly) {
    Witnesses without = witnesses();
    put<std::uint64_t>(104, 7);
    write_page();
    EXPECT_EQ(without.look(), "") << "no flag says that there is one";
    put<std::uint64_t>(24, 1U << 8);
    write_page();
    Witnesses with = witnesses();
    put<std::uint64_t>(104, 8);
    write_page();
    EXPECT_NE(with.look(), "");
}

TEST_F(WitnessesTest, PageThatIsBeingWrittenIsReadLater) {
    Witnesses seen = witnesses();
    put<std::uint32_t>(12, 1);  // odd: half written
    put<std::uint64_t>(16, 9);
    write_page();
    EXPECT_EQ(seen.look(), "");
    put<std::uint32_t>(12, 2);
    write_page();
    EXPECT_NE(seen.look(), "");
}

TEST_F(WitnessesTest, NoPageOrAnotherKindOfPageIsNoWitness) {
    EXPECT_TRUE(VmClock(places_.vm_clock).present());
    put<std::uint32_t>(0, 0xdeadbeef);
    write_page();
    EXPECT_FALSE(VmClock(places_.vm_clock).present());
    EXPECT_FALSE(VmClock((directory_.path() / "missing").string()).present());
    std::filesystem::resize_file(places_.vm_clock, 100);
    EXPECT_FALSE(VmClock(places_.vm_clock).present()) << "reading beyond its end would kill us";
    places_.vm_clock = directory_.path() / "missing";
    Witnesses seen = witnesses();
    EXPECT_EQ(seen.look(), "");
}

TEST_F(WitnessesTest, UeventOfANewVmGenerationWakesTheLoopAndIsADisruption) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    const FileDescriptor kernel(ends[0]);
    Witnesses seen(SuspendDetector{reading}, places_, FileDescriptor(ends[1]));
    pollfd wakes{seen.descriptor(), POLLIN, 0};
    EXPECT_EQ(::poll(&wakes, 1, 0), 0);
    const std::string other("change@/devices/x\0ACTION=change\0", 32);
    const std::string fresh("change@/devices/x\0ACTION=change\0NEW_VMGENID=1\0SEQNUM=7\0", 55);
    ASSERT_GT(::send(kernel.get(), other.data(), other.size(), 0), 0);
    EXPECT_EQ(::poll(&wakes, 1, 0), 1);
    EXPECT_FALSE(seen.take_woken());
    EXPECT_EQ(seen.look(), "");
    EXPECT_EQ(::poll(&wakes, 1, 0), 0) << "it was drained, or the loop would spin";
    ASSERT_GT(::send(kernel.get(), fresh.data(), fresh.size(), 0), 0);
    EXPECT_FALSE(seen.take_woken());
    EXPECT_NE(seen.look(), "");
    EXPECT_EQ(seen.look(), "");
}

TEST_F(WitnessesTest, UeventIsReadWordByWord) {
    EXPECT_TRUE(is_new_vm_generation(std::string_view("a\0NEW_VMGENID=1", 15)));
    EXPECT_FALSE(is_new_vm_generation(std::string_view("a\0NEW_VMGENID=10", 16)));
    EXPECT_FALSE(is_new_vm_generation(std::string_view("XNEW_VMGENID=1\0", 15)));
    EXPECT_FALSE(is_new_vm_generation({}));
}

TEST_F(WitnessesTest, ClockSourceThatChangesIsToldOnceWithTheFormerOne) {
    Witnesses seen = witnesses();
    EXPECT_EQ(seen.clock_source(), "tsc");
    EXPECT_EQ(seen.changed_clock_source(), std::nullopt);
    write_source("hpet");
    EXPECT_EQ(seen.changed_clock_source(), "tsc");
    EXPECT_EQ(seen.clock_source(), "hpet");
    EXPECT_EQ(seen.changed_clock_source(), std::nullopt);
}

}  // namespace
}  // namespace berkeley
