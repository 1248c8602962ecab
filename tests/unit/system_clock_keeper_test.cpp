// What a node does beside its servo: rivals and the lock at its start, what it tells, and when it is not
// SYNCHRONIZED any more.

#include "node/system_clock_keeper.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/fake_kernel.hpp"
#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeKernel;
using testing::kKernelEpoch;

/// Hands the calls on to a kernel that the test keeps, as two programs on one machine do.
class Calls final : public SystemClockCalls {
public:
    explicit Calls(FakeKernel& kernel) : kernel_(kernel) {}
    int adjust(timex& request) override { return kernel_.adjust(request); }
    std::int64_t realtime_ns() override { return kernel_.realtime_ns(); }
    TrueTime true_now() override { return kernel_.true_now(); }

private:
    FakeKernel& kernel_;
};

class SystemClockKeeperTest : public ::testing::Test {
protected:
    SystemClockKeeperTest()
        : slave_(core_options(), Prng{1}, RawTime{}, from_ns<ClusterTime>(kKernelEpoch), {}) {
        std::filesystem::create_directory(directory_.path() / "proc");
        places_ = {{directory_.path() / "lock"}, directory_.path() / "proc"};
    }

    static SlaveCoreOptions core_options() {
        SlaveCoreOptions options;
        options.id = node_id("s1");
        return options;
    }
    static NodeOptions options(const char* id = "s1") {
        NodeOptions o;
        o.id = node_id(id);
        o.cluster = node_id("c");
        return o;
    }
    Result<std::unique_ptr<SystemClockKeeper>> start(FakeKernel& kernel, const char* id = "s1",
                                                     std::uint64_t mark = 7) {
        notes_.clear();
        return SystemClockKeeper::start(options(id), std::make_unique<Calls>(kernel), places_, mark, notes_);
    }
    /// A correction of the node's clock, and what the keeper then says.
    void correct(Duration by = Duration{0}) {
        const RawTime now = clock_.raw(kernel_.true_now());
        slave_.discipline().apply({.correction = by, .bound = microseconds_, .measured_at = now}, now);
        Actions told;
        slave_.tell_status("corrected", told);
    }
    std::vector<Event> second(SystemClockKeeper& keeper, bool corrected = true) {
        kernel_.now += 1'000'000'000;
        if (corrected) correct();
        Actions out;
        keeper.update(slave_, clock_, out);
        std::vector<Event> events;
        for (const Action& action : out) {
            if (const auto* emit = std::get_if<EmitEvent>(&action)) events.push_back(emit->event);
        }
        return events;
    }
    static std::string notes(const std::vector<Event>& events) {
        std::string all;
        for (const Event& event : events) {
            if (const auto* note = std::get_if<NoteEvent>(&event)) all += note->text + "\n";
        }
        return all;
    }
    void daemon(const std::string& name, const std::string& capabilities, const std::string& command) {
        const auto process = directory_.path() / "proc" / "17";
        std::filesystem::create_directory(process);
        std::ofstream(process / "comm") << name << "\n";
        std::ofstream(process / "status") << "Name:\t" << name << "\nCapEff:\t" << capabilities << "\n";
        std::ofstream(process / "cmdline") << command;
    }

    static constexpr Duration microseconds_ = std::chrono::microseconds{80};
    TemporaryDirectory directory_;
    SystemClockKeeper::Places places_;
    std::vector<NoteEvent> notes_;
    FakeKernel kernel_;
    OsClock clock_{0, TrueTime{}};
    SlaveCore slave_;
};

TEST_F(SystemClockKeeperTest, SecondNodeOnOneKernelIsRefusedWithTheNameOfTheFirst) {
    auto first = start(kernel_, "first");
    ASSERT_TRUE(first) << first.error();
    auto refused = start(kernel_, "second");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("node first of cluster c"), std::string::npos) << refused.error();
    EXPECT_EQ(refused.error().find('\n'), std::string::npos);
    for (int i = 0; i < 3; ++i) second(**first);
    EXPECT_FALSE(start(kernel_, "second")) << "nor once the first steers";
    first->reset();
    EXPECT_TRUE(start(kernel_, "second")) << "the first has ended";
}

TEST_F(SystemClockKeeperTest, LockOfANodeOnAnotherKernelIsNoneOfOurs) {
    FakeKernel other;
    auto first = start(other, "first", 1);
    ASSERT_TRUE(first);
    ASSERT_TRUE(start(kernel_, "second", 2));
    ASSERT_EQ(notes_.size(), 1U);
    EXPECT_NE(notes_[0].text.find("another kernel"), std::string::npos);
}

TEST_F(SystemClockKeeperTest, PlaceForALockThatCannotBeHadIsTold) {
    places_.locks = {directory_.path() / "missing" / "lock"};
    ASSERT_TRUE(start(kernel_));
    ASSERT_EQ(notes_.size(), 1U);
    EXPECT_NE(notes_[0].text.find("would not be noticed"), std::string::npos);
}

TEST_F(SystemClockKeeperTest, DaemonThatKeepsTheClockIsRefusedByNameAndOneThatCannotIsNot) {
    kernel_.kept.status = STA_PLL;
    daemon("chronyd", "0000000002000400", std::string("chronyd\0", 8));
    const auto refused = start(kernel_);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("chronyd, process 17"), std::string::npos) << refused.error();
    daemon("chronyd", "0000000002000400", std::string("chronyd\0-x\0", 11));
    EXPECT_TRUE(start(kernel_)) << "it only watches";
    daemon("chronyd", "0000000000000400", std::string("chronyd\0", 8));
    EXPECT_TRUE(start(kernel_)) << "it may not set the clock";
    ASSERT_EQ(notes_.size(), 1U) << "but the clock that it left is told";
    EXPECT_NE(notes_[0].text.find("STA_UNSYNC is clear"), std::string::npos);
}

TEST_F(SystemClockKeeperTest, TellsOfTheFirstStepAndOfWhatOthersDo) {
    auto keeper = start(kernel_);
    ASSERT_TRUE(keeper);
    EXPECT_EQ(notes(second(**keeper, false)), "");
    correct(seconds{5});
    EXPECT_EQ(notes(second(**keeper)), "CLOCK_REALTIME follows cluster time, after a step of +5 s\n");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(notes(second(**keeper)), "");
    kernel_.move(3'600'000'000'000);
    const auto events = second(**keeper);
    EXPECT_EQ(notes(events), "somebody else moved CLOCK_REALTIME by +60 min: stepped back\n");
    const auto& told = std::get<SystemClockEvent>(events.back());
    EXPECT_EQ(told.rivals, 1U);
    EXPECT_NEAR(static_cast<double>(told.moved.count()), 3.6e12, 1e4);
    EXPECT_NEAR(static_cast<double>(told.stepped.count()), -3.6e12, 1e4);
    kernel_.move(-50'000'000);
    EXPECT_EQ(notes(second(**keeper)), "somebody else moved CLOCK_REALTIME by -50 ms: slewed back\n");
}

TEST_F(SystemClockKeeperTest, RivalThatActsEverySecondIsToldOncePerMinute) {
    auto keeper = start(kernel_);
    ASSERT_TRUE(keeper);
    for (int i = 0; i < 3; ++i) second(**keeper);
    int lines = 0;
    for (int i = 0; i < 110; ++i) {
        kernel_.kept.freq = (40 + i) * 65536;
        lines += notes(second(**keeper)).empty() ? 0 : 1;
    }
    EXPECT_EQ(lines, 2);
}

TEST_F(SystemClockKeeperTest, NodeWhoseSystemClockIsBeyondItsBoundForTenSecondsIsNotSynchronized) {
    auto keeper = start(kernel_);
    ASSERT_TRUE(keeper);
    for (int i = 0; i < 3; ++i) second(**keeper);
    EXPECT_EQ(slave_.status(), ClockStatus::synchronized);
    kernel_.move(20'000'000);  // 40 s of slewing
    std::string reason;
    int synchronized = 0;
    int astray = 0;
    for (int i = 0; i < 60; ++i) {
        for (const Event& event : second(**keeper)) {
            if (const auto* status = std::get_if<StatusEvent>(&event)) reason += status->reason + "\n";
        }
        (slave_.status() == ClockStatus::synchronized ? synchronized : astray) += 1;
        EXPECT_EQ(slave_.discipline().status(), ClockStatus::synchronized) << "its own clock is right";
    }
    EXPECT_NEAR(astray, 31, 3);
    EXPECT_EQ(slave_.status(), ClockStatus::synchronized) << "in the end it follows again";
    EXPECT_EQ(reason, "CLOCK_REALTIME is +15 ms off\nCLOCK_REALTIME follows again\n");
}

TEST_F(SystemClockKeeperTest, KernelThatRefusesIsToldAndIsNotSynchronizedEither) {
    auto keeper = start(kernel_);
    ASSERT_TRUE(keeper);
    for (int i = 0; i < 3; ++i) second(**keeper);
    kernel_.refuse = EPERM;
    EXPECT_NE(notes(second(**keeper)).find("CAP_SYS_TIME"), std::string::npos);
    for (int i = 0; i < 11; ++i) second(**keeper);
    EXPECT_EQ(slave_.status(), ClockStatus::unsynchronized);
}

}  // namespace
}  // namespace berkeley
