// The checker itself: the code is broken on purpose, once for each promise, and the checker must say so; and
// a sound cluster must not be blamed.

#include "sim/invariants.hpp"

#include <gtest/gtest.h>

namespace berkeley::sim {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class BrokenCode : public ::testing::Test {
protected:
    explicit BrokenCode(NetworkModel network = {.base_asymmetry = microseconds{20}})
        : cluster_(4, network), invariants_(cluster_) {
        cluster_.add({.id = "m1", .drift_ppm = 10, .candidate = true, .masters = {}});
        for (const char* id : {"s0", "s1", "s2", "s3"}) {
            cluster_.add({.id = id, .offset = seconds{5}, .drift_ppm = -20, .masters = {"m1"}});
        }
        run(seconds{10});
        EXPECT_EQ(invariants_.total(), 0U) << to_string(invariants_.violations().front());
    }

    void run(Duration duration) {
        const TrueTime end = cluster_.now() + duration;
        while (cluster_.now() < end) {
            cluster_.run_for(milliseconds{10});
            invariants_.check();
        }
    }

    /// Hands every correction of `id` to `change` on its way.
    void tamper(const std::string& id, std::function<void(Correction&)> change) {
        cluster_.tap = [id, change = std::move(change)](const std::string&, const std::string& to,
                                                        Message& message) {
            if (auto* correction = std::get_if<Correction>(&message.body); correction && to == id)
                change(*correction);
            return true;
        };
    }

    SimCluster cluster_;
    Invariants invariants_;
};

TEST_F(BrokenCode, CorrectionOfTheWrongSizeBreaksTheFirstPromise) {
    tamper("s1", [](Correction& c) { c.correction += microseconds{200}; });
    run(seconds{2});
    EXPECT_GT(invariants_.count(1), 0U);
}

TEST_F(BrokenCode, BoundsThatForgetTheDelayBreakTheFirstAndTheSecond) {
    tamper("s1", [](Correction& c) { c.bound /= 8; });
    run(seconds{2});
    EXPECT_GT(invariants_.count(1), 0U) << "20 us of asymmetry, and a bound of 8 us";
    EXPECT_GT(invariants_.count(2), 0U);
    EXPECT_EQ(invariants_.count(3), 0U);
}

TEST_F(BrokenCode, ClockThatStepsBackInSilenceBreaksTheThird) {
    Discipline& clock = cluster_.slave("s2").discipline();
    const RawTime raw = cluster_.raw(cluster_.index("s2"));
    Discipline broken(clock.options(), raw, clock.map().cluster(raw) - milliseconds{1}, {});
    while (broken.jumps() < clock.jumps()) broken.disrupt();
    clock = broken;
    invariants_.check();
    EXPECT_EQ(invariants_.count(3), 1U);
}

TEST_F(BrokenCode, BoundThatShrinksByItselfBreaksTheFourth) {
    Discipline& clock = cluster_.slave("s2").discipline();
    const RawTime raw = cluster_.raw(cluster_.index("s2"));
    clock.apply({Duration{0}, 0, microseconds{1}, clock.measured_at()}, raw);
    invariants_.check();
    EXPECT_EQ(invariants_.count(4), 1U);
}

TEST_F(BrokenCode, AverageBeyondTheHonestClocksBreaksTheFifth) {
    std::optional<RoundEvent> last;
    for (const Recorded& r : cluster_.events()) {
        if (const auto* round = std::get_if<RoundEvent>(&r.event)) last = *round;
    }
    ASSERT_TRUE(last);
    cluster_.on_event(cluster_.index("m1"), *last);
    EXPECT_EQ(invariants_.count(5), 0U);
    last->average += milliseconds{1};
    cluster_.on_event(cluster_.index("m1"), *last);
    EXPECT_EQ(invariants_.count(5), 1U);
}

TEST_F(BrokenCode, CorrectionAppliedTwiceBreaksTheSixth) {
    for (auto r = cluster_.events().rbegin(); r != cluster_.events().rend(); ++r) {
        if (!std::holds_alternative<CorrectionEvent>(r->event) || r->node != "s3") continue;
        cluster_.on_event(cluster_.index("s3"), r->event);
        break;
    }
    EXPECT_EQ(invariants_.count(6), 1U);
}

TEST(BrokenElection, VotersThatVoteTwiceMakeTwoLeadersWhichBreaksTheSeventh) {
    SimCluster cluster(5);
    Invariants invariants(cluster);
    cluster.add({.id = "m1", .candidate = true, .masters = {}});
    for (const char* id : {"m2", "m3"}) {
        cluster.add({.id = id, .candidate = true, .standby = true, .priority = 50, .masters = {"m1"}});
    }
    for (const char* id : {"s1", "s2"}) cluster.add({.id = id, .masters = {"m1"}});
    cluster.run_for(seconds{6});
    // Two standbys that cannot hear each other, and slaves that grant whatever is asked.
    cluster.cut("m2", "m3");
    cluster.kill("m1");
    std::map<std::string, Term> asked;
    cluster.tap = [&](const std::string& from, const std::string& to, Message& message) {
        if (std::holds_alternative<VoteRequest>(message.body)) asked[from] = message.header.term;
        const auto* refuse = std::get_if<Refuse>(&message.body);
        if (refuse == nullptr || from.front() != 's') return true;
        const Grant grant{refuse->kind == RefuseKind::pre_vote,
                          cluster.slave(from).elector().options().incarnation};
        message.header.term = asked[to];
        message.body = grant;
        return true;
    };
    for (int i = 0; i < 300; ++i) {
        cluster.run_for(milliseconds{10});
        invariants.check();
    }
    EXPECT_GT(invariants.count(7), 0U);
}

TEST_F(BrokenCode, ClockThatNeverNoticesThatItsMasterIsGoneBreaksTheEighth) {
    cluster_.slave("s0").discipline().set_valid_for(hours{1});
    cluster_.kill("m1");
    run(seconds{5});
    EXPECT_GT(invariants_.count(8), 0U);
    EXPECT_EQ(invariants_.violations().size(), 1U) << "the other three notice it";
}

TEST_F(BrokenCode, TextNamesInvariantInstantAndNode) {
    cluster_.slave("s0").discipline().set_valid_for(hours{1});
    cluster_.kill("m1");
    run(seconds{5});
    const std::string text = to_string(invariants_.violations().at(0));
    EXPECT_TRUE(text.starts_with("invariant 8 at 1")) << text;
    EXPECT_NE(text.find("s0 is still SYNCHRONIZED"), std::string::npos) << text;
}

}  // namespace
}  // namespace berkeley::sim
