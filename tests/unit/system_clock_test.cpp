// --clock system against a fake of the kernel's clock. No test here, and nothing it calls, touches the real
// one.

#include "os/system_clock.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/fake_kernel.hpp"

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeKernel;
using testing::kKernelEpoch;

TrueMap map_at(std::int64_t cluster_ahead_ns, std::int64_t rate_ppb) {
    TrueMap map;
    map.anchor_cluster = from_ns<ClusterTime>(kKernelEpoch + cluster_ahead_ns);
    map.rate = FineRate::from_ppb(rate_ppb);
    return map;
}

class SystemClockTest : public ::testing::Test {
protected:
    SystemClock::Report update(SystemClock& clock, const TrueMap& map, bool trusted = true,
                               std::uint64_t jumps = 1) {
        const auto report = clock.update({map, jumps, trusted, bound_});
        EXPECT_TRUE(report) << report.error();
        return report.value_or(SystemClock::Report{});
    }
    SystemClock::Report seconds_of(SystemClock& clock, const TrueMap& map, int count) {
        SystemClock::Report report;
        for (int i = 0; i < count; ++i) {
            kernel_.now += 1'000'000'000;
            report = update(clock, map);
        }
        return report;
    }

    FakeKernel kernel_;
    Duration bound_ = microseconds{80};
};

TEST_F(SystemClockTest, FrequencyThatAnotherLearntStaysUntilATrustedTimeIsKnownAndAfterwardsIfThereIsNone) {
    kernel_.kept.freq = 37 * 65536;
    kernel_.kept.status = STA_PLL | STA_NANO;
    kernel_.kept.esterror = 55;
    {
        SystemClock clock(kernel_, {.mark = 1234});
        ASSERT_TRUE(clock.begin());
        for (int i = 0; i < 5; ++i) update(clock, map_at(5'000'000'000, 100'000), false);
        EXPECT_EQ(kernel_.kept.freq, 37 * 65536);
        EXPECT_EQ(kernel_.kept.status, STA_PLL | STA_NANO);
        EXPECT_FALSE(clock.steering());
        EXPECT_EQ(clock.mark(), (KernelMark{37 * 65536, 10'000, 1234}));
    }
    EXPECT_EQ(kernel_.kept.freq, 37 * 65536);
    EXPECT_EQ(kernel_.kept.esterror, 55);
    EXPECT_EQ(kernel_.steps, 0);
}

TEST_F(SystemClockTest, StepsToTheFirstTrustedTimeAndSwitchesTheKernelsOwnLoopOff) {
    kernel_.kept.status = STA_PLL;
    kernel_.kept.tick = 10'020;
    SystemClock clock(kernel_, {});
    ASSERT_TRUE(clock.begin());
    const auto report = update(clock, map_at(3'600'000'000'000, 0));
    EXPECT_EQ(report.stepped, std::chrono::hours{1});
    EXPECT_EQ(kernel_.steps, 1);
    EXPECT_EQ(kernel_.kept.status & (STA_PLL | STA_UNSYNC), STA_UNSYNC);
    EXPECT_EQ(kernel_.kept.tick, 10'000);
    EXPECT_NEAR(static_cast<double>(kernel_.realtime_ns() - kKernelEpoch), 3.6e12, 1e3);
}

TEST_F(SystemClockTest, EndLeavesThePlainFrequencyAlsoInTheMiddleOfAPull) {
    kernel_.own_error_ppm = -12;
    {
        SystemClock clock(kernel_, {});
        ASSERT_TRUE(clock.begin());
        seconds_of(clock, map_at(0, 25'000), 20);
        kernel_.move(50'000'000);
        const auto report = seconds_of(clock, map_at(0, 25'000), 2);
        EXPECT_NEAR(report.frequency_ppm, 37 - 500, 0.01);
        EXPECT_NEAR(kernel_.freq_ppm(), report.frequency_ppm, 0.01);
    }  // as on an error path: nobody called release()
    EXPECT_NEAR(kernel_.freq_ppm(), 37, 0.01);
    EXPECT_NE(kernel_.kept.status & STA_UNSYNC, 0);
}

TEST_F(SystemClockTest, BeyondFiveHundredPpmTheTickTakesTheRest) {
    SystemClock clock(kernel_, {.servo = {.pull_max_ppm = 10'000}});
    ASSERT_TRUE(clock.begin());
    seconds_of(clock, map_at(0, 0), 5);
    kernel_.move(12'345'678);  // 6173 ppm for two seconds
    const auto report = seconds_of(clock, map_at(0, 0), 1);
    EXPECT_NEAR(report.frequency_ppm, -6172.8, 0.5);
    EXPECT_EQ(kernel_.kept.tick, 10'000 - 62);
    EXPECT_NEAR(kernel_.freq_ppm(), 27.2, 0.5);
    EXPECT_FALSE(report.limited);
    EXPECT_LT(std::chrono::abs(seconds_of(clock, map_at(0, 0), 30).residual), microseconds{1});
    EXPECT_EQ(kernel_.kept.tick, 10'000);
    EXPECT_EQ(kernel_.steps, 0);
}

TEST_F(SystemClockTest, KernelThatRefusesTheTickIsToldOfOnceAndMovedByItsFrequencyAlone) {
    kernel_.refuse_tick = true;
    SystemClock clock(kernel_, {.servo = {.pull_max_ppm = 10'000}});
    ASSERT_TRUE(clock.begin());
    seconds_of(clock, map_at(0, 0), 5);
    kernel_.move(12'345'678);
    auto report = seconds_of(clock, map_at(0, 0), 1);
    EXPECT_TRUE(report.tick_refused);
    EXPECT_TRUE(report.limited);
    EXPECT_NEAR(kernel_.freq_ppm(), -500, 0.01);
    report = seconds_of(clock, map_at(0, 0), 1);
    EXPECT_FALSE(report.tick_refused);
    EXPECT_LT(std::chrono::abs(seconds_of(clock, map_at(0, 0), 60).residual), microseconds{1});
}

TEST_F(SystemClockTest, KernelIsToldTheBoundAndTheDeviationAndNoClaimUnlessOneIsMade) {
    for (const bool claim : {false, true}) {
        FakeKernel kernel;
        SystemClock clock(kernel, {.claim_sync = claim});
        ASSERT_TRUE(clock.begin());
        ASSERT_TRUE(clock.update({map_at(0, 0), 1, true, microseconds{80}}));
        EXPECT_EQ(kernel.kept.maxerror, 80);
        EXPECT_LE(kernel.kept.esterror, 1);
        EXPECT_EQ((kernel.kept.status & STA_UNSYNC) == 0, claim);
        kernel.now += 1'000'000'000;
        ASSERT_TRUE(clock.update({map_at(300'000, 0), 1, true, Duration{80'001}}));
        EXPECT_EQ(kernel.kept.maxerror, 381) << "what CLOCK_REALTIME is off counts too, rounded up";
        kernel.now += 1'000'000'000;
        ASSERT_TRUE(clock.update({map_at(0, 0), 1, false, std::chrono::hours{1}}));
        EXPECT_EQ(kernel.kept.maxerror, 16'000'000);
        EXPECT_NE(kernel.kept.status & STA_UNSYNC, 0) << "nobody vouches for it";
    }
}

TEST_F(SystemClockTest, WhatAnotherProgramChangesIsNamedAndUndone) {
    struct Case {
        const char* what;
        void (*act)(timex&);
        const char* told;
    };
    const Case cases[] = {
        {"frequency", [](timex& kept) { kept.freq = -80 * 65536; }, "frequency is -80.000 ppm"},
        {"tick", [](timex& kept) { kept.tick = 10'010; }, "tick is 10010 us"},
        {"loop", [](timex& kept) { kept.status |= STA_PLL; }, "status is 0x41"},
        {"claim", [](timex& kept) { kept.status &= ~STA_UNSYNC; }, "status is 0"},
    };
    for (const Case& c : cases) {
        FakeKernel kernel;
        SystemClock clock(kernel, {});
        ASSERT_TRUE(clock.begin());
        for (int i = 0; i < 3; ++i) {
            kernel.now += 1'000'000'000;
            const auto calm = clock.update({map_at(0, 10'000), 1, true, microseconds{80}});
            ASSERT_TRUE(calm);
            EXPECT_EQ(calm->rival, "") << c.what;
        }
        c.act(kernel.kept);
        const auto report = clock.update({map_at(0, 10'000), 1, true, microseconds{80}});
        ASSERT_TRUE(report);
        EXPECT_NE(report->rival.find(c.told), std::string::npos) << c.what << ": " << report->rival;
        EXPECT_EQ(kernel.kept.tick, 10'000);
        EXPECT_NEAR(kernel.freq_ppm(), 10, 2) << c.what;
        EXPECT_EQ(kernel.kept.status & (STA_UNSYNC | STA_PLL), STA_UNSYNC) << c.what;
    }
}

TEST_F(SystemClockTest, PlainFrequencyIsUntouchedByARivalThatSetsItsOwnEverySecond) {
    kernel_.own_error_ppm = 20;
    SystemClock clock(kernel_, {});
    ASSERT_TRUE(clock.begin());
    seconds_of(clock, map_at(0, 0), 8);
    for (int i = 0; i < 30; ++i) {
        kernel_.kept.freq = -80 * 65536;
        EXPECT_NE(seconds_of(clock, map_at(0, 0), 1).rival, "");
    }
    clock.release();
    EXPECT_NEAR(kernel_.freq_ppm(), -20, 0.01);
}

TEST_F(SystemClockTest, RivalThatActsBeforeTheTakeOverIsNamed) {
    SystemClock clock(kernel_, {});
    ASSERT_TRUE(clock.begin());
    EXPECT_EQ(update(clock, map_at(0, 0), false).rival, "");
    kernel_.kept.freq = 5 * 65536;
    EXPECT_NE(update(clock, map_at(0, 0), false).rival, "");
    EXPECT_EQ(kernel_.kept.freq, 5 * 65536);
}

TEST_F(SystemClockTest, WithoutThePrivilegeSaysWhichOneIsMissing) {
    kernel_.refuse = EPERM;
    SystemClock clock(kernel_, {});
    const auto begun = clock.begin();
    ASSERT_FALSE(begun);
    EXPECT_NE(begun.error().find("CAP_SYS_TIME"), std::string::npos);
    EXPECT_EQ(kernel_.changes, 0);
}

}  // namespace
}  // namespace berkeley
