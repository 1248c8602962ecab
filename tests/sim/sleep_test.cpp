// Machines that sleep, and clocks that come back with less than they knew: what a leader, a standby and a new
// master may make of it. Most of these cases were found by an attack on the simulator.

#include <gtest/gtest.h>

#include "tests/sim/checked_cluster.hpp"

namespace berkeley::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

void add_masters(SimCluster& cluster, int masters) {
    for (int i = 1; i <= masters; ++i) {
        NodeSpec spec{
            .id = "m" + std::to_string(i), .candidate = true, .standby = i > 1, .priority = 100 - 10 * i};
        if (i > 1) spec.masters = {"m1"};
        cluster.add(spec);
    }
}

/// The replies that wait when the machine wakes would end the round, with offsets of before the sleep and a
/// lease that by the raw clock still holds.
TEST(Sleep, ALeaderThatSleptInABurstStepsDownBeforeItHearsWhatCameMeanwhile) {
    for (const int masters : {1, 2}) {
        for (std::uint64_t probe = 1; probe <= 24; ++probe) {
            CheckedCluster cluster(probe, {}, seconds{1});
            add_masters(cluster, masters);
            for (int i = 0; i < 3; ++i) cluster.add({.id = "s" + std::to_string(i), .masters = {"m1"}});
            cluster.run_for(seconds{20});
            const Duration nap = probe % 3 == 0   ? milliseconds{40}
                                 : probe % 3 == 1 ? milliseconds{700}
                                                  : milliseconds{3000};
            std::optional<TrueTime> woke;
            std::uint64_t sent = 0;
            const Term term = cluster.candidate("m1").election().term();
            int published = 0;
            cluster.tap = [&](const std::string& from, const std::string&, Message& message) {
                if (from != "m1") return true;
                if (std::holds_alternative<Poll>(message.body) && ++sent == probe) {
                    woke = cluster.now() + microseconds{1} + nap;
                    cluster.at(cluster.now() + microseconds{1}, [&] { cluster.suspend("m1", nap); });
                }
                const bool correction = std::holds_alternative<Correction>(message.body);
                if (correction && message.header.term == term && woke && cluster.now() >= *woke) ++published;
                return true;
            };
            cluster.run_for(seconds{8});
            EXPECT_TRUE(woke.has_value());
            EXPECT_EQ(published, 0) << masters << " masters, asleep after probe " << probe;
        }
    }
}

TEST(Sleep, AStandbyThatOnceSleptTakesOverLikeAnyOther) {
    CheckedCluster cluster(1);
    add_masters(cluster, 2);
    for (int i = 0; i < 3; ++i) cluster.add({.id = "s" + std::to_string(i), .masters = {"m1"}});
    cluster.run_for(seconds{10});
    cluster.suspend("m2", seconds{5});
    cluster.run_for(seconds{60});
    const Term term = cluster.candidate("m1").election().term();
    cluster.kill("m1");
    EXPECT_TRUE(cluster.run_until([&] { return cluster.slave("s0").applied_term() > term; }, seconds{5}));
    EXPECT_EQ(cluster.slave("s0").applied_term(), term + 1) << "its first leadership lasts";
}

/// A virtual machine's pause, of which no witness tells, at every phase of a round, with a standby and
/// without.
TEST(Sleep, AMajorityDoesNotFollowAMasterWhoseMachineStoodStill) {
    for (const int masters : {1, 2}) {
        for (std::uint64_t phase = 0; phase < 30; ++phase) {
            SCOPED_TRACE(std::to_string(masters) + " masters, after probe " + std::to_string(phase));
            CheckedCluster cluster(phase + 1, {}, seconds{1});
            add_masters(cluster, masters);
            for (int i = 0; i < 4; ++i) cluster.add({.id = "s" + std::to_string(i), .masters = {"m1"}});
            cluster.run_for(seconds{20});
            const Duration nap = phase % 2 == 0 ? milliseconds{350} : milliseconds{3000};
            std::uint64_t sent = 0;
            cluster.tap = [&](const std::string& from, const std::string&, Message& message) {
                if (from == "m1" && std::holds_alternative<Poll>(message.body) && ++sent == phase + 1)
                    cluster.at(cluster.now() + microseconds{1}, [&] { cluster.stall("m1", nap); });
                return true;
            };
            std::uint64_t disruptions = 0;
            for (int i = 0; i < 4; ++i)
                disruptions += cluster.slave("s" + std::to_string(i)).discipline().disruptions();
            const auto time = [&] {
                return Duration{to_ns(cluster.clock(cluster.index("s0"))) - to_ns(cluster.now())};
            };
            const Duration before = time();
            cluster.run_for(seconds{20});
            EXPECT_NEAR(static_cast<double>((time() - before).count()), 0, 3e6);
            for (const char* id : {"m1", "s0", "s1", "s2", "s3"})
                EXPECT_EQ(cluster.slave(id).discipline().status(), ClockStatus::synchronized) << id;
            for (int i = 0; i < 4; ++i)
                disruptions -= cluster.slave("s" + std::to_string(i)).discipline().disruptions();
            EXPECT_EQ(disruptions, 0U) << "the honest clocks stay";
            EXPECT_GT(cluster.slave("m1").discipline().disruptions(), 0U);
        }
    }
}

/// One is back from a long holdover, honest and wide, the other is narrow: their mean lies outside of what
/// both allow.
TEST(Sleep, AMasterThatAdoptsTheTimeOfTwoHandsDownHowFarTheirMeanMayBeOff) {
    CheckedCluster cluster(3, {}, seconds{1});
    OscillatorModel stepped;
    stepped.steps = {{from_ns<TrueTime>(31'000'000'000), 10'000.0}};
    cluster.add({.id = "m1", .candidate = true});
    cluster.add({.id = "s1", .drift_ppm = 5, .masters = {"m1"}});
    cluster.add({.id = "s2", .masters = {"m1"}, .oscillator = stepped});
    cluster.add({.id = "s3", .masters = {"m1"}});
    cluster.run_for(seconds{30});
    cluster.cut("m1", "s2");
    cluster.run_for(seconds{200});
    cluster.cut("m1", "s3");
    cluster.kill("m1");
    cluster.cut("m1", "s2", false);
    cluster.restart("m1", true, milliseconds{20});
    cluster.run_for(seconds{5});
    EXPECT_EQ(cluster.slave("m1").discipline().status(), ClockStatus::synchronized);
}

/// Its own oscillator is 90 ppm away from the dead master's, and the time was adopted before anybody's rate
/// was known.
TEST(Sleep, AMasterWithoutTheTimeDoesNotKeepTheRateOfItsOwnOscillator) {
    CheckedCluster cluster(5, {}, seconds{1});
    cluster.add({.id = "m1", .drift_ppm = -45, .candidate = true, .priority = 90});
    cluster.add(
        {.id = "m2", .drift_ppm = 45, .candidate = true, .standby = true, .priority = 80, .masters = {"m1"}});
    for (int i = 0; i < 3; ++i)
        cluster.add({.id = "s" + std::to_string(i), .drift_ppm = -45, .masters = {"m1"}});
    cluster.run_for(seconds{25});
    for (const char* other : {"m1", "m2", "s0", "s1"}) cluster.cut("s2", other);
    cluster.restart("m2", true);
    cluster.kill("m1");
    cluster.run_for(seconds{65});
    EXPECT_TRUE(cluster.candidate("m2").election().leads());
    EXPECT_LT(cluster.slave("m2").discipline().map().rate_ppb, -40'000);
}

}  // namespace
}  // namespace berkeley::sim
