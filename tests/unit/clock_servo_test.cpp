// How CLOCK_REALTIME follows cluster time, as numbers: the servo beside a simulated oscillator.

#include "os/clock_servo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace berkeley {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kEpoch = 1'767'225'600'000'000'000;

TrueMap map_at(Duration ahead, std::int64_t rate_ppb = 0) {
    TrueMap map;
    map.anchor_cluster = from_ns<ClusterTime>(kEpoch) + ahead;
    map.rate = FineRate::from_ppb(rate_ppb);
    return map;
}

/// CLOCK_REALTIME with an error of its own, led by a servo.
class Rig {
public:
    explicit Rig(double own_ppm = 0, ClockServoOptions options = {}) : servo(options), own_ppm_(own_ppm) {}

    void pass(Duration time) {
        now += time;
        real_ += static_cast<double>(time.count()) * (1 + (own_ppm_ + set_ppm) * 1e-6);
    }
    Duration error(const TrueMap& map) const { return map.cluster(now) - ClusterTime{Duration{realtime()}}; }
    std::int64_t realtime() const { return kEpoch + std::llround(real_); }
    void move(Duration by) { real_ += static_cast<double>(by.count()); }

    ServoPlan update(const TrueMap& map, std::uint64_t jumps, bool trusted = true) {
        ServoPlan plan = trusted ? servo.follow({now, realtime(), {}}, map, jumps)
                                 : servo.coast({now, realtime(), {}}, jumps);
        if (plan.step) {
            ++steps;
            move(*plan.step);
            const ServoPlan next = servo.follow({now, realtime(), {}}, map, jumps);
            EXPECT_FALSE(next.step);
            set_ppm = next.frequency_ppm;
        } else {
            set_ppm = plan.frequency_ppm;
        }
        servo.applied(set_ppm);
        return plan;
    }
    /// Follows the map for so long, updating when the servo asks for it; returns the worst error at any
    /// millisecond.
    Duration follow(const TrueMap& map, Duration time, std::uint64_t jumps = 1) {
        Duration worst{0};
        for (const TrueTime end = now + time; now < end;) {
            const TrueTime next = std::min(update(map, jumps).next, end);
            while (now < next) {
                pass(std::min<Duration>(milliseconds{1}, next - now));
                worst = std::max(worst, Duration{std::chrono::abs(error(map))});
            }
        }
        return worst;
    }

    ClockServo servo;
    TrueTime now{};
    double set_ppm = 0;
    int steps = 0;

private:
    double own_ppm_;
    double real_ = 0;
};

TEST(ClockServo, FollowsRateAndPhaseToANanosecondWhateverTheClocksOwnRate) {
    for (const double own : {-150.0, -40.0, 0.0, 60.0, 150.0}) {
        Rig rig(own);
        const TrueMap map = map_at(microseconds{500}, 30'000);
        rig.follow(map, seconds{60});
        EXPECT_LE(rig.follow(map, seconds{20}), Duration{30}) << own;
        EXPECT_NEAR(rig.servo.plain_ppm(), 30.0 - own, 0.01);
        EXPECT_EQ(rig.steps, 0);
    }
}

TEST(ClockServo, SlewOfTheMapIsFollowedThroughItsEndWithoutOvershoot) {
    Rig rig;
    rig.follow(map_at(Duration{0}), seconds{20});
    // 2 ms at 500 ppm end in the middle of a second.
    for (const Duration slew : {Duration{milliseconds{2}}, Duration{microseconds{-1730}}}) {
        TrueMap map = map_at(rig.error(map_at(Duration{0})) * 0);
        map.anchor_true = rig.now;
        map.anchor_cluster = ClusterTime{Duration{rig.realtime()}};
        map.slew = slew;
        map.slew_rate = FineRate::from_ppb(500'000);
        EXPECT_LE(rig.follow(map, seconds{8}), microseconds{1});
    }
}

TEST(ClockServo, ResidualIsPulledInNoFasterThanAllowed) {
    Rig rig(0, {.pull_max_ppm = 200});
    rig.follow(map_at(Duration{0}), seconds{20});
    rig.move(milliseconds{50});
    const ServoPlan plan = rig.update(map_at(Duration{0}), 1);
    EXPECT_EQ(plan.moved, milliseconds{50});
    EXPECT_TRUE(plan.pull_limited);
    EXPECT_NEAR(plan.frequency_ppm, -200, 0.01);
    EXPECT_FALSE(plan.step);
}

TEST(ClockServo, PlainFrequencyIsUntouchedByWhatOthersDoToTheClock) {
    for (const Duration by : {Duration{microseconds{90}}, Duration{microseconds{500}},
                              Duration{milliseconds{50}}, Duration{milliseconds{-100}}}) {
        Rig rig(-40);
        rig.follow(map_at(Duration{0}, 12'000), seconds{30});
        rig.move(by);
        rig.follow(map_at(Duration{0}, 12'000), milliseconds{2200});
        EXPECT_NEAR(rig.servo.plain_ppm(), 52, 0.01) << by.count();
        EXPECT_EQ(rig.steps, 0);
    }
}

TEST(ClockServo, StepsWhenTheMapWasSteppedAndForNothingElseBelowTheThreshold) {
    Rig rig;
    EXPECT_EQ(rig.update(map_at(std::chrono::hours{1}), 1).step, std::chrono::hours{1});
    rig.pass(seconds{1});
    EXPECT_FALSE(rig.update(map_at(std::chrono::hours{1} + milliseconds{50}), 1).step)
        << "no jump of the map";
    rig.pass(seconds{1});
    EXPECT_TRUE(rig.update(map_at(std::chrono::hours{1} - milliseconds{50}), 2).step);
    rig.pass(seconds{1});
    EXPECT_FALSE(rig.update(map_at(std::chrono::hours{1} - milliseconds{50} + microseconds{900}), 3).step)
        << "below step_min";
}

TEST(ClockServo, MovementByOthersThatSlewingWouldNotMendSoonIsUndoneAtOnce) {
    // 150 ms would stay beyond 100 ms for more than 10 s; 1.5 s is beyond the threshold.
    for (const Duration by :
         {Duration{milliseconds{150}}, Duration{milliseconds{1500}}, Duration{std::chrono::hours{-1}}}) {
        Rig rig(30);
        rig.follow(map_at(Duration{0}), seconds{20});
        rig.move(by);
        rig.pass(milliseconds{300});
        const ServoPlan plan = rig.update(map_at(Duration{0}), 1);
        EXPECT_NEAR(static_cast<double>((plan.moved - by).count()), 0, 100);
        ASSERT_TRUE(plan.step);
        EXPECT_LE(std::chrono::abs(rig.error(map_at(Duration{0}))), Duration{2});
    }
}

TEST(ClockServo, WithoutTrustTheRateStaysAndThePullEnds) {
    Rig rig(-25);
    rig.follow(map_at(Duration{0}, 5'000), seconds{20});
    rig.move(milliseconds{20});
    EXPECT_LT(rig.update(map_at(Duration{0}, 5'000), 1).frequency_ppm, -400);
    const ServoPlan plan = rig.update(map_at(milliseconds{700}, 90'000), 1, false);
    EXPECT_NEAR(plan.frequency_ppm, 30, 0.01) << "neither the pull nor the map that nobody trusts";
    EXPECT_FALSE(plan.step);
}

TEST(ClockServo, MovementByOthersWhileCoastingIsSteppedOnceTheClockIsTrusted) {
    Rig rig;
    rig.follow(map_at(Duration{0}), seconds{20});
    static_cast<void>(rig.update(map_at(Duration{0}), 1, false));
    rig.move(seconds{5});
    rig.pass(seconds{1});
    EXPECT_EQ(rig.update(map_at(Duration{0}), 1, false).moved, seconds{5});
    EXPECT_EQ(rig.steps, 0);
    rig.pass(seconds{1});
    EXPECT_TRUE(rig.update(map_at(Duration{0}), 1).step);
}

TEST(ClockServo, MachineThatSleptWasMovedByNobody) {
    Rig rig;
    rig.follow(map_at(Duration{0}), seconds{20});
    rig.move(std::chrono::hours{8});  // CLOCK_REALTIME goes on in a sleep, raw time does not
    EXPECT_EQ(rig.update(map_at(Duration{0}), 2, false).moved, Duration{0});
    const ServoPlan plan = rig.update(map_at(std::chrono::hours{8}), 3);
    EXPECT_EQ(plan.moved, Duration{0});
    EXPECT_FALSE(plan.step) << "the sleep is in both";
}

TEST(ClockServo, DeviationIsTheRootMeanSquareOfTheCorrections) {
    Rig rig;
    Duration ahead{0};
    ServoPlan plan;
    for (int i = 0; i < 400; ++i) {
        TrueMap map = map_at(ahead);
        map.slew = i % 2 == 0 ? microseconds{20} : microseconds{-20};
        map.anchor_true = rig.now;
        map.anchor_cluster = ClusterTime{Duration{rig.realtime()}};
        map.slew_rate = FineRate::from_ppb(500'000);
        plan = rig.update(map, 1);
        rig.pass(seconds{1});
    }
    EXPECT_NEAR(static_cast<double>(plan.deviation.count()), 20'000, 2'000);
}

}  // namespace
}  // namespace berkeley
