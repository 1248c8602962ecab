// --clock system against a fake of the kernel's clock. No test here, and nothing it calls, touches the real
// one.

#include "os/system_clock.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kEpoch = 1'767'225'600'000'000'000;

/// CLOCK_REALTIME as the kernel keeps it: an oscillator with an error of its own, and a frequency set by us.
class FakeKernel final : public SystemClockCalls {
public:
    int adjust(timex& request) override {
        if (refuse != 0) return refuse;
        advance();
        if ((request.modes & ADJ_SETOFFSET) != 0U) {
            ++steps;
            const auto unit = (request.modes & ADJ_NANO) != 0U ? 1 : 1000;
            realtime_ += static_cast<double>(request.time.tv_sec) * 1e9 +
                         static_cast<double>(request.time.tv_usec) * unit;
        }
        if ((request.modes & ADJ_FREQUENCY) != 0U) freq_ppm = static_cast<double>(request.freq) / 65536.0;
        return 0;
    }
    std::int64_t realtime_ns() override {
        advance();
        return kEpoch + std::llround(realtime_);
    }
    TrueTime true_now() override { return from_ns<TrueTime>(now); }

    std::int64_t now = 0;
    double own_error_ppm = 0;
    double freq_ppm = 0;
    int refuse = 0;
    int steps = 0;

private:
    void advance() {
        realtime_ += static_cast<double>(now - seen_) * (1.0 + (own_error_ppm + freq_ppm) * 1e-6);
        seen_ = now;
    }
    std::int64_t seen_ = 0;
    double realtime_ = 0;
};

TrueMap map_at(std::int64_t cluster_ahead_ns, std::int64_t rate_ppb) {
    TrueMap map;
    map.anchor_true = from_ns<TrueTime>(0);
    map.anchor_cluster = from_ns<ClusterTime>(kEpoch + cluster_ahead_ns);
    map.rate = FineRate::from_ppb(rate_ppb);
    return map;
}

TEST(SystemClock, StepsAtTheColdStartAndOnlyThen) {
    FakeKernel kernel;
    SystemClockFollower follower(kernel);
    const auto first = follower.update(map_at(3'600'000'000'000, 0));
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->stepped);
    EXPECT_EQ(kernel.steps, 1);
    EXPECT_NEAR(static_cast<double>(kernel.realtime_ns() - kEpoch), 3.6e12, 1e3);
    for (int i = 1; i <= 20; ++i) {
        kernel.now = i * 1'000'000'000LL;
        ASSERT_TRUE(follower.update(map_at(3'600'000'000'000 + 50'000'000, 0)));
    }
    EXPECT_EQ(kernel.steps, 1) << "50 ms later on are slewed";
}

TEST(SystemClock, FollowsRateAndPhaseOfTheMapWithinMicroseconds) {
    for (const double own_error : {-40.0, 0.0, 60.0}) {
        FakeKernel kernel;
        kernel.own_error_ppm = own_error;
        SystemClockFollower follower(kernel);
        const TrueMap map = map_at(500'000, 30'000);
        Duration residual{0};
        for (int i = 0; i < 300; ++i) {
            kernel.now = i * 1'000'000'000LL;
            const auto report = follower.update(map);
            ASSERT_TRUE(report);
            residual = report->residual;
        }
        EXPECT_LT(std::abs(residual.count()), 2'000) << own_error;
        EXPECT_NEAR(kernel.freq_ppm + own_error, 30.0, 0.5) << own_error;
        EXPECT_EQ(kernel.steps, 0);
    }
}

TEST(SystemClock, NeverAsksForMoreThanTheKernelAllows) {
    FakeKernel kernel;
    SystemClockFollower follower(kernel);
    ASSERT_TRUE(follower.update(map_at(0, 0)));
    for (int i = 1; i < 50; ++i) {
        kernel.now = i * 1'000'000'000LL;
        const auto report = follower.update(map_at(10'000'000'000, 0));
        ASSERT_TRUE(report);
        EXPECT_LE(std::abs(kernel.freq_ppm), 500.0);
        EXPECT_TRUE(report->limited);
    }
}

TEST(SystemClock, WithoutThePrivilegeSaysWhichOneIsMissing) {
    FakeKernel kernel;
    kernel.refuse = EPERM;
    SystemClockFollower follower(kernel);
    const auto report = follower.update(map_at(0, 0));
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().find("CAP_SYS_TIME"), std::string::npos);
    EXPECT_EQ(kernel.steps, 0);
}

TEST(SystemClock, MayStepOnceMoreAfterRestart) {
    FakeKernel kernel;
    SystemClockFollower follower(kernel);
    ASSERT_TRUE(follower.update(map_at(0, 0)));
    follower.restart();
    const auto report = follower.update(map_at(-7'200'000'000'000, 0));
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->stepped);
    EXPECT_NEAR(static_cast<double>(kernel.realtime_ns() - kEpoch), -7.2e12, 1e3);
}

}  // namespace
}  // namespace berkeley
