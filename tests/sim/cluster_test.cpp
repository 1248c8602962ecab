// The whole cluster in virtual time: the same cores as the programs, simulated network and oscillators.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/sim/checked_cluster.hpp"

namespace berkeley::sim {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

template <class E>
std::vector<Recorded> of(const SimCluster& cluster, const std::string& node = "") {
    std::vector<Recorded> result;
    for (const Recorded& r : cluster.events()) {
        if (std::holds_alternative<E>(r.event) && (node.empty() || r.node == node)) result.push_back(r);
    }
    return result;
}

std::size_t steps(const SimCluster& cluster, TrueTime since) {
    const auto all = of<CorrectionEvent>(cluster);
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const Recorded& r) {
        return r.at >= since && std::get<CorrectionEvent>(r.event).applied == Applied::step;
    }));
}

std::string slave_name(int i) { return (i < 10 ? "s0" : "s") + std::to_string(i); }

/// One master, one standby and `slaves` slaves with clocks hours and tens of ppm wrong.
void populate(SimCluster& cluster, int slaves, std::uint64_t seed) {
    Prng prng(seed);
    cluster.add({.id = "m1", .offset = minutes{7}, .drift_ppm = -20, .candidate = true, .masters = {}});
    cluster.add({.id = "m2",
                 .offset = -minutes{20},
                 .drift_ppm = 35,
                 .candidate = true,
                 .standby = true,
                 .priority = 50,
                 .masters = {"m1"}});
    for (int i = 0; i < slaves; ++i) {
        cluster.add({.id = slave_name(i),
                     .offset = Duration{static_cast<std::int64_t>(prng.uniform(-3600e9, 3600e9))},
                     .drift_ppm = prng.uniform(-50, 50),
                     .masters = {"m1"}});
    }
}

TEST(Cluster, TextbookCaseIsCorrectedByPlus5Plus15AndMinus20Minutes) {
    CheckedCluster cluster(1, {}, seconds{1});
    cluster.add({.id = "m1", .offset = hours{3}, .candidate = true, .masters = {}});
    cluster.add({.id = "s1", .offset = hours{2} + minutes{50}, .masters = {"m1"}});
    cluster.add({.id = "s2", .offset = hours{3} + minutes{25}, .masters = {"m1"}});
    cluster.run_for(seconds{6});
    const std::vector<std::pair<std::string, Duration>> expected{
        {"m1", minutes{5}}, {"s1", minutes{15}}, {"s2", -minutes{20}}};
    for (const auto& [node, correction] : expected) {
        const auto events = of<CorrectionEvent>(cluster, node);
        ASSERT_FALSE(events.empty()) << node;
        const auto& first = std::get<CorrectionEvent>(events.front().event);
        EXPECT_NEAR(static_cast<double>((first.correction - correction).count()), 0.0, 1e5) << node;
        EXPECT_EQ(first.applied, Applied::step);
    }
    EXPECT_LT(cluster.spread(), microseconds{50});
}

TEST(Cluster, TwentySlavesHoursWrongAgreeWithin50MicrosecondsAfter10Seconds) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SimCluster cluster(seed);
        populate(cluster, 20, seed);
        cluster.run_for(seconds{10});
        for (int i = 0; i < 100; ++i) {
            ASSERT_LT(cluster.spread(), microseconds{50})
                << "seed " << seed << " at " << to_ns(cluster.now());
            cluster.run_for(milliseconds{50});
        }
    }
}

TEST(Cluster, FirstConvergenceTakesAtMostFiveRounds) {
    CheckedCluster cluster(3);
    populate(cluster, 8, 3);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.spread() < milliseconds{1}; }, seconds{5}));
    EXPECT_LE(cluster.candidate("m1").master().round(), 5U);
}

TEST(Cluster, StandbyTakesOverWithoutAStepWhenTheMasterIsKilled) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SimCluster cluster(seed);
        populate(cluster, 8, seed);
        cluster.run_for(seconds{10} + Duration{static_cast<std::int64_t>(seed) * 23'000'000});
        const TrueTime killed = cluster.now();
        cluster.kill("m1");
        const auto all_follow = [&] {
            for (int i = 0; i < 8; ++i) {
                if (cluster.slave(slave_name(i)).applied_term() < 2) return false;
            }
            return true;
        };
        EXPECT_TRUE(cluster.run_until(all_follow, seconds{2})) << "seed " << seed;
        Duration worst{0};
        for (int i = 0; i < 100; ++i) {
            cluster.run_for(milliseconds{20});
            worst = std::max(worst, cluster.spread());
        }
        EXPECT_LT(worst, microseconds{50}) << "seed " << seed;
        EXPECT_EQ(steps(cluster, killed), 0U) << "seed " << seed;
        EXPECT_EQ(cluster.candidate("m2").election().role(), Role::master);
    }
}

TEST(Cluster, OldMasterReturnsAsStandbyAndFollows) {
    for (const bool with_state : {true, false}) {
        SimCluster cluster(5);
        populate(cluster, 3, 5);
        cluster.run_for(seconds{5});
        cluster.kill("m1");
        cluster.run_for(seconds{3});
        cluster.restart("m1", with_state);
        cluster.run_for(seconds{6});
        EXPECT_EQ(cluster.candidate("m2").election().role(), Role::master) << "with state: " << with_state;
        EXPECT_EQ(cluster.candidate("m1").election().role(), Role::standby) << "with state: " << with_state;
        EXPECT_LT(cluster.spread(), microseconds{50});
    }
}

TEST(Cluster, LiarBy10SecondsIsNamedAndTheOthersDoNotMove) {
    CheckedCluster cluster(7);
    populate(cluster, 6, 7);
    cluster.run_for(seconds{10});
    const TrueTime began = cluster.now();
    const Duration before = cluster.clock("s00").time_since_epoch() - began.time_since_epoch();
    // It claims to be 10 s ahead whatever correction it is given.
    cluster.tap = [](const std::string& from, const std::string& to, Message& message) {
        if (auto* reply = std::get_if<Reply>(&message.body); reply && from == "s03") {
            reply->map.anchor_cluster += seconds{10};
        }
        return !(std::holds_alternative<Correction>(message.body) && to == "s03");
    };
    cluster.run_for(seconds{3});
    const auto rounds = of<RoundEvent>(cluster, "m1");
    int named = 0;
    for (const Recorded& r : rounds) {
        if (r.at <= began + milliseconds{300}) continue;
        for (const PeerResult& peer : std::get<RoundEvent>(r.event).peers) {
            EXPECT_EQ(peer.outlier, peer.id.view() == "s03") << peer.id.view();
            named += peer.outlier ? 1 : 0;
        }
    }
    EXPECT_GE(named, 10);
    const Duration after = cluster.clock("s00").time_since_epoch() - cluster.now().time_since_epoch();
    const double moved = static_cast<double>((after - before).count());
    EXPECT_LT(std::abs(moved), 3 * 60e3) << "the honest ensemble's own rate accounts for less";
    for (const std::string name : {"s00", "s01", "s02", "s04", "s05", "m2"}) {
        EXPECT_LT(std::abs((cluster.clock(name) - cluster.clock("m1")).count()), 50'000) << name;
    }
}

TEST(Cluster, LateJoinerIsSteppedAloneAndNobodyElseMoves) {
    CheckedCluster cluster(8);
    populate(cluster, 5, 8);
    cluster.run_for(seconds{5});
    const TrueTime joined = cluster.now();
    cluster.add({.id = "late", .offset = hours{5}, .masters = {"m1"}});
    cluster.run_for(seconds{3});
    EXPECT_EQ(steps(cluster, joined), 1U);
    EXPECT_EQ(cluster.slave("late").discipline().status(), ClockStatus::synchronized);
    EXPECT_LT(cluster.spread(), microseconds{50});
}

TEST(Cluster, SlavesThatStartedFirstAreFoundByALaterMaster) {
    CheckedCluster cluster(9);
    for (int i = 0; i < 3; ++i) cluster.add({.id = slave_name(i), .offset = minutes{i}, .masters = {"m1"}});
    // The node exists, its process does not yet.
    cluster.add({.id = "m1", .candidate = true, .masters = {}});
    cluster.kill("m1");
    cluster.run_for(seconds{20});
    cluster.restart("m1", false);
    EXPECT_TRUE(cluster.run_until([&] { return cluster.spread() < microseconds{50}; }, seconds{10}));
}

TEST(Cluster, RestartedSlaveIsAcceptedUnderItsOldName) {
    CheckedCluster cluster(10);
    populate(cluster, 3, 10);
    cluster.run_for(seconds{5});
    cluster.restart("s01", false, hours{2});
    EXPECT_TRUE(cluster.run_until([&] { return cluster.spread() < microseconds{50}; }, seconds{3}));
    EXPECT_EQ(cluster.candidate("m1").master().roster().size(), 4U);
}

TEST(Cluster, SilentMemberIsDroppedAfterThreeMissedRoundsAndComesBack) {
    CheckedCluster cluster(11);
    populate(cluster, 3, 11);
    cluster.run_for(seconds{5});
    cluster.pause("s02");
    ASSERT_TRUE(
        cluster.run_until([&] { return cluster.candidate("m1").master().roster().size() == 3; }, seconds{2}));
    cluster.resume("s02");
    EXPECT_TRUE(
        cluster.run_until([&] { return cluster.candidate("m1").master().roster().size() == 4; }, seconds{3}));
    cluster.run_for(seconds{1});
    EXPECT_LT(cluster.spread(), microseconds{50});
}

TEST(Cluster, DuplicatedAndReplayedCorrectionsAreAppliedOnce) {
    CheckedCluster cluster(12);
    populate(cluster, 3, 12);
    cluster.run_for(seconds{5});
    std::optional<Message> kept;
    cluster.tap = [&](const std::string&, const std::string& to, Message& message) {
        if (!std::holds_alternative<Correction>(message.body) || to != "s01") return true;
        if (kept) message = *kept;  // the same old correction again, instead of each new one
        kept = message;
        return true;
    };
    const std::size_t before = of<CorrectionEvent>(cluster, "s01").size();
    cluster.run_for(seconds{2});
    EXPECT_EQ(of<CorrectionEvent>(cluster, "s01").size(), before + 1);
    EXPECT_GE(cluster.dropped("s01", "old-round"), 5U);
}

TEST(Cluster, CorrectionFromAPausedMasterIsTooOldToBeApplied) {
    CheckedCluster cluster(13);
    populate(cluster, 3, 13);
    cluster.run_for(seconds{5});
    cluster.pause("m1");
    cluster.run_for(seconds{2});
    const TrueTime resumed = cluster.now();
    cluster.resume("m1");
    cluster.run_for(seconds{3});
    EXPECT_EQ(steps(cluster, resumed), 0U);
    EXPECT_EQ(cluster.candidate("m2").election().role(), Role::master);
    EXPECT_EQ(cluster.candidate("m1").election().role(), Role::standby);
    EXPECT_LT(cluster.spread(), microseconds{50});
}

struct HostileReply {
    const char* name;
    std::function<void(Reply&)> change;
    const char* reason;
};

TEST(Cluster, HostileRepliesAreDroppedByReason) {
    const std::vector<HostileReply> cases{
        {"sent before it was received", [](Reply& r) { r.t3 = r.t2 - milliseconds{1}; }, "impossible-stamps"},
        {"resided longer than the round trip", [](Reply& r) { r.t3 = r.t2 + seconds{1}; },
         "impossible-residence"},
        {"a forged token", [](Reply& r) { r.token ^= 2; }, "unexpected-reply"},
        {"another clock's generation", [](Reply& r) { r.generation ^= 2; }, "generation"},
    };
    for (const HostileReply& c : cases) {
        SimCluster cluster(14);
        populate(cluster, 5, 14);
        cluster.run_for(seconds{5});
        cluster.tap = [&](const std::string& from, const std::string&, Message& message) {
            if (auto* reply = std::get_if<Reply>(&message.body); reply && from == "s02") c.change(*reply);
            return true;
        };
        cluster.run_for(seconds{3});
        EXPECT_GE(cluster.dropped("m1", c.reason), 1U) << c.name;
        cluster.kill("s02");
        EXPECT_LT(cluster.spread(), microseconds{50}) << c.name;
    }
}

TEST(Cluster, ClocksNeverRunBackwardOnceSynchronized) {
    CheckedCluster cluster(15, {.loss = 0.05});
    populate(cluster, 5, 15);
    cluster.run_for(seconds{5});
    std::map<std::string, ClusterTime> last;
    cluster.on_step = [&, watch = cluster.on_step] {
        watch();
        for (const std::string name : {"m1", "m2", "s00", "s01", "s02", "s03", "s04"}) {
            if (!cluster.alive(name)) continue;
            const ClusterTime t = cluster.clock(name);
            if (last.contains(name)) {
                ASSERT_GE(t, last[name]) << name;
            }
            last[name] = t;
        }
    };
    cluster.run_for(seconds{5});
    cluster.kill("m1");
    cluster.run_for(seconds{5});
}

TEST(Cluster, MasterThatLostItsStateDoesNotReuseItsTerm) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SimCluster cluster(seed);
        cluster.add({.id = "m1", .candidate = true, .masters = {}});
        for (int i = 0; i < 3; ++i)
            cluster.add({.id = slave_name(i), .offset = minutes{i}, .masters = {"m1"}});
        cluster.run_for(seconds{10});
        cluster.restart("m1", false);
        cluster.run_for(seconds{6});
        const Round before = cluster.slave("s00").applied_round();
        cluster.run_for(seconds{1});
        EXPECT_NE(cluster.slave("s00").applied_round(), before) << "seed " << seed;
        EXPECT_EQ(cluster.slave("s00").applied_term(), 2U) << "seed " << seed;
        EXPECT_LT(cluster.spread(), microseconds{50}) << "seed " << seed;
    }
}

/// How fast a clock runs against true time, over the next `length`.
double rate_ppm(SimCluster& cluster, const std::string& id, Duration length) {
    const ClusterTime before = cluster.clock(id);
    cluster.run_for(length);
    return static_cast<double>((cluster.clock(id) - before - length).count()) /
           static_cast<double>(length.count()) * 1e6;
}

TEST(Cluster, ClusterTimeTicksAsTheTrimmedMeanOfTheOscillatorsDoesWhoeverLeads) {
    CheckedCluster cluster(21);
    // Of eight, two at either end are left out: a mean of 3.75 without them.
    cluster.add({.id = "m1", .drift_ppm = 45, .candidate = true, .masters = {}});
    cluster.add({.id = "m2", .drift_ppm = -48, .candidate = true, .standby = true, .masters = {"m1"}});
    int i = 0;
    for (const double ppm : {-40.0, -5.0, 0.0, 8.0, 12.0, 30.0}) {
        cluster.add({.id = slave_name(i++), .drift_ppm = ppm, .masters = {"m1"}});
    }
    cluster.run_for(minutes{2});
    EXPECT_NEAR(rate_ppm(cluster, "s00", minutes{1}), 3.75, 0.1);
    cluster.kill("m1");
    cluster.run_for(seconds{5});
    EXPECT_NEAR(rate_ppm(cluster, "s00", minutes{1}), 3.75, 0.3)
        << "the new master brings no rate of its own";
}

TEST(Cluster, RestartedSlaveKeepsItsFrequencyUnlessItLostItsState) {
    CheckedCluster cluster(22);
    cluster.add({.id = "m1", .candidate = true, .masters = {}});
    for (int i = 0; i < 4; ++i) cluster.add({.id = slave_name(i), .drift_ppm = 30.0, .masters = {"m1"}});
    cluster.run_for(minutes{1});
    const double before = rate_ppm(cluster, "s00", seconds{10});
    cluster.kill("m1");
    cluster.restart("s00", true);
    cluster.restart("s01", false);
    EXPECT_NEAR(rate_ppm(cluster, "s00", seconds{10}), before, 0.1);
    EXPECT_NEAR(rate_ppm(cluster, "s01", seconds{10}), 30, 0.1);
}

TEST(Cluster, RestartedLoneMasterTakesTheTimeFromItsSlaves) {
    CheckedCluster cluster(16);
    cluster.add({.id = "m1", .candidate = true, .masters = {}});
    for (int i = 0; i < 4; ++i) cluster.add({.id = slave_name(i), .offset = minutes{i}, .masters = {"m1"}});
    cluster.run_for(seconds{5});
    const Duration before = cluster.clock("s00") - cluster.clock("m1");
    ASSERT_LT(std::abs(before.count()), 50'000);
    const TrueTime restarted = cluster.now();
    cluster.restart("m1", true, -hours{3});
    cluster.run_for(seconds{6});
    EXPECT_EQ(steps(cluster, restarted), 1U) << "only the master's own clock";
    EXPECT_LT(cluster.spread(), microseconds{50});
}

}  // namespace
}  // namespace berkeley::sim
