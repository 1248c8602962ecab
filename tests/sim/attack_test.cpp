// Attacks on the election that failed when they were written: what the loss of nodes, slow disks and clocks
// of another time line must not do.

#include <gtest/gtest.h>

#include "tests/seeds.hpp"
#include "tests/sim/watched_test.hpp"

namespace berkeley::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Attack : public WatchedTest {
protected:
    const Committee& committee(const char* id) { return cluster_->slave(id).elector().committee(); }
    bool names(const Committee& c, const char* id) const {
        return std::any_of(c.voters.begin(), c.voters.end(),
                           [&](const Voter& v) { return v.id == node_id(id); });
    }
};

// m1 dies, m2 takes over, m2 dies, m1 comes back: one node is down, and most voters of the newest committee
// live.
TEST_F(Attack, MasterThatMissedItsSuccessorsCommitteeLeadsAgainBesideTwoSlaves) {
    build(2, 2);
    ASSERT_TRUE(leads("m1"));
    ASSERT_EQ(committee("m1").voters.size(), 3U);
    cluster_->kill("m1");
    // The dead m1 is replaced by the other slave.
    ASSERT_TRUE(until(
        [&] { return leads("m2") && !names(committee("m2"), "m1") && committee("m2").voters.size() == 3; },
        seconds{10}));
    run(seconds{1});
    cluster_->kill("m2");
    cluster_->restart("m1", true);
    EXPECT_TRUE(until([&] { return leads("m1"); }, seconds{30}));
}

// The same with one slave, m2's death soon after it took over: m1 and s0 are two of the three voters.
TEST_F(Attack, MasterThatMissedItsSuccessorsTermLeadsAgainBesideOneSlave) {
    build(2, 1);
    ASSERT_TRUE(leads("m1"));
    ASSERT_EQ(committee("m1").voters.size(), 3U);
    cluster_->kill("m1");
    ASSERT_TRUE(until([&] { return committee("s0").term > 1; }, seconds{5}));
    ASSERT_EQ(committee("s0").voters.size(), 3U);
    cluster_->kill("m2");
    cluster_->restart("m1", true);
    EXPECT_TRUE(until([&] { return leads("m1"); }, seconds{30}));
}

// A flap of the standby's link, the death of one voter and of the master: four of five voters live, and vote.
TEST_F(Attack, StandbyThatMissedTheReplacementOfAVoterTakesOver) {
    build(2, 6);
    ASSERT_TRUE(leads("m1"));
    const Committee before = committee("m1");
    ASSERT_EQ(before.voters.size(), 5U);
    std::string dies;
    for (const Voter& v : before.voters)
        if (v.id.str()[0] == 's') dies = v.id.str();
    cluster_->kill(dies);
    run(milliseconds{1300});
    cluster_->cut_way("m1", "m2");
    ASSERT_TRUE(
        until([&] { return !names(committee("m1"), dies.c_str()) && committee("m1").voters.size() == 5; },
              seconds{3}));
    run(milliseconds{150});
    cluster_->kill("m1");
    cluster_->network().heal();
    EXPECT_TRUE(until([&] { return leads("m2"); }, seconds{30}));
}

// The successor is replaced in the committee, and its own successor dies before it issues one: the term that
// all know is newer than the committee.
TEST_F(Attack, CommitteeOlderThanTheTermIsStillLearnt) {
    build(3, 5);
    ASSERT_TRUE(leads("m1"));
    ASSERT_EQ(committee("m1").voters.size(), 5U);
    cluster_->kill("m1");
    ASSERT_TRUE(until(
        [&] { return leads("m2") && !names(committee("m2"), "m1") && committee("m2").voters.size() == 5; },
        seconds{10}));
    run(seconds{1});
    cluster_->kill("m2");
    ASSERT_TRUE(
        until([&] { return cluster_->candidate("m3").election().role() == Role::warmup; }, seconds{5}));
    // Its first heartbeats are heard: the term is known.
    ASSERT_TRUE(until([&] { return cluster_->slave("s0").term() > 2 && cluster_->slave("s1").term() > 2; },
                      seconds{1}));
    ASSERT_EQ(committee("s0").term, 2U);
    cluster_->kill("m3");
    cluster_->restart("m1", true);
    EXPECT_TRUE(until([&] { return leads("m1"); }, seconds{30}));
}

// Nodes die and come back at random, links flap; at the end a majority of the newest committee lives, and a
// candidate among or beside them: there is a master soon, though the dead stay dead.
TEST_F(Attack, WhereMostVotersAndACandidateLiveThereIsAMasterSoon) {
    std::uint64_t asked = 0;
    for (std::uint64_t seed = 1; seed <= test::seeds(300); ++seed) {
        Prng prng(seed);
        const int candidates = 2 + static_cast<int>(prng.below(2));
        const int slaves = 1 + static_cast<int>(prng.below(5));
        build(candidates, slaves, seed);
        std::vector<std::string> ids;
        for (int i = 1; i <= candidates; ++i) ids.push_back("m" + std::to_string(i));
        for (int i = 0; i < slaves; ++i) ids.push_back("s" + std::to_string(i));
        std::map<std::string, Committee> known;  // what each has, dead or alive
        const auto note = [&] {
            for (const auto& id : ids)
                if (cluster_->alive(id)) known[id] = committee(id.c_str());
        };
        std::string last;
        for (int step = 0; step < 8; ++step) {
            const std::string& id =
                ids[prng.below(2) == 0 ? prng.below(static_cast<std::uint64_t>(candidates))
                                       : prng.below(ids.size())];
            const std::string& other = ids[prng.below(ids.size())];
            if (prng.below(4) == 0 && id != other) {
                cluster_->cut_way(id, other);
            } else if (cluster_->alive(id)) {
                note();
                cluster_->kill(id);
                last += " -" + id;
            } else {
                cluster_->restart(id, true);
                last += " +" + id;
            }
            if (prng.below(2) == 0) cluster_->network().heal();
            run(milliseconds{20 + static_cast<int>(prng.below(3000))});
            note();
        }
        cluster_->network().heal();
        Committee newest;
        for (const auto& [id, c] : known)
            if (newer(c, newest)) newest = c;
        std::size_t alive = 0;
        for (const Voter& v : newest.voters) alive += cluster_->alive(v.id.str()) ? 1U : 0U;
        const auto led = [&] {
            return std::any_of(ids.begin(), ids.begin() + candidates,
                               [&](const auto& id) { return leads(id.c_str()); });
        };
        const bool candidate = std::any_of(ids.begin(), ids.begin() + candidates,
                                           [&](const auto& id) { return cluster_->alive(id); });
        if (alive < majority(newest) || !candidate) continue;
        bool may = false;
        std::string who;
        for (const Voter& v : newest.voters)
            who += " " + v.id.str() + (cluster_->alive(v.id.str()) ? "" : "(dead)");
        for (int i = 0; i < candidates; ++i) {
            const Committee& c = known[ids[static_cast<std::size_t>(i)]];
            who += "; " + ids[static_cast<std::size_t>(i)] +
                   (cluster_->alive(ids[static_cast<std::size_t>(i)]) ? "" : "(dead)") + " knows " +
                   std::to_string(c.term) + "." + std::to_string(c.version) + ":";
            for (const Voter& v : c.voters) who += " " + v.id.str();
            // Who missed so many changes that fewer than a third of the voters it knows are left to tell
            // waits for more.
            std::size_t tell = 0;
            for (const Voter& v : c.voters) {
                tell += v.id.str() != ids[static_cast<std::size_t>(i)] && cluster_->alive(v.id.str()) &&
                                known[v.id.str()] == newest
                            ? 1U
                            : 0U;
            }
            if (cluster_->alive(ids[static_cast<std::size_t>(i)]) &&
                (c == newest || 3 * tell >= c.voters.size()))
                may = true;
        }
        if (!may) continue;
        ++asked;
        EXPECT_TRUE(until(led, seconds{10}))
            << "seed " << seed << ", committee " << newest.term << "." << newest.version << ":" << who << "; "
            << candidates << " candidates, " << slaves << " slaves;" << last;
    }
    EXPECT_GE(6 * asked, test::seeds(300)) << "many runs must come to the question";
}

// Where the candidates do not hear each other, the slaves' word for a newer term is all that they have.
TEST_F(Attack, CandidatesThatDoNotHearEachOtherTakeOverAgainAndAgain) {
    build(2, 3);
    ASSERT_TRUE(leads("m1"));
    cluster_->cut("m1", "m2");
    for (int i = 0; i < 12; ++i) {
        const char* master = leads("m1") ? "m1" : "m2";
        const char* other = leads("m1") ? "m2" : "m1";
        cluster_->pause(master);
        ASSERT_TRUE(until([&] { return leads(other); }, seconds{20}))
            << "takeover " << i << " at " << to_ns(cluster_->now()) / 1'000'000'000 << " s; " << other
            << " knows term " << cluster_->candidate(other).election().term() << ", s0 "
            << cluster_->slave("s0").term();
        cluster_->resume(master);
        run(seconds{2});
    }
}

// One liar among the slaves of a new cluster tells the highest first term that is believed.
TEST_F(Attack, OneSlavesWordAboutTheFirstTermDoesNotStopANewCluster) {
    cluster_ = std::make_unique<SimCluster>(1);
    invariants_ = std::make_unique<Invariants>(*cluster_);
    cluster_->tap = [](const std::string& from, const std::string&, Message& message) {
        if (from == "s1") message.header.term = kTermFirstMax;
        return true;
    };
    cluster_->add({.id = "m1", .candidate = true});
    for (const char* id : {"s0", "s1", "s2", "s3"}) cluster_->add({.id = id, .masters = {"m1"}});
    run(seconds{30});
    EXPECT_EQ(cluster_->slave("s0").discipline().status(), ClockStatus::synchronized)
        << "m1 leads: " << leads("m1") << ", in term " << cluster_->candidate("m1").election().term()
        << "; s0 drops " << cluster_->dropped("s0", "term-too-far");
}

struct SlowDisk {
    const char* name;
    milliseconds save_takes;
    milliseconds heartbeat_interval;
    milliseconds heartbeat_timeout;
};

/// Saves take well below the patience of votes.
class SlowDisks : public Attack, public ::testing::WithParamInterface<SlowDisk> {};

TEST_P(SlowDisks, ATakeoverLasts) {
    SimOptions options;
    options.save_takes = GetParam().save_takes;
    options.heartbeat_interval = GetParam().heartbeat_interval;
    options.heartbeat_timeout = GetParam().heartbeat_timeout;
    build(2, 4, 1, options);
    run(seconds{10});
    ASSERT_TRUE(until([&] { return leads("m1"); }, seconds{10}));
    cluster_->kill("m1");
    EXPECT_TRUE(until([&] { return leads("m2"); }, seconds{10}));
    int led = 0;
    for (int i = 0; i < 200; ++i) {
        run(milliseconds{50});
        led += leads("m2") ? 1 : 0;
    }
    EXPECT_GT(led, 180) << "of 200; term " << cluster_->candidate("m2").election().term();
}

std::vector<SlowDisk> slow_disks() {
    std::vector<SlowDisk> all;
    for (const int ms : {60, 120, 160, 200, 300})
        all.push_back({"default", milliseconds{ms}, milliseconds{100}, milliseconds{500}});
    for (const int ms : {10, 20, 30, 40, 60})
        all.push_back({"fast", milliseconds{ms}, milliseconds{20}, milliseconds{100}});
    return all;
}
INSTANTIATE_TEST_SUITE_P(Profiles, SlowDisks, ::testing::ValuesIn(slow_disks()), [](const auto& test) {
    return test.param.name + ("_" + std::to_string(test.param.save_takes.count())) + "ms";
});

// A standby of another time line refuses its correction; then it is elected, though a sound standby is there.
TEST_F(Attack, LeaderThatRefusesItsOwnCorrectionHandsOver) {
    SimOptions options;
    options.discipline.max_correction = seconds{2};
    build(3, 4, 1, options);
    ASSERT_TRUE(leads("m1"));
    for (const char* other : {"m1", "m3", "s0", "s1", "s2", "s3"}) cluster_->cut("m2", other);
    run(seconds{3});
    // All others are restarted with clocks of another time.
    for (const char* id : {"m1", "m3", "s0", "s1", "s2", "s3"}) cluster_->restart(id, true, seconds{30});
    run(seconds{6});
    cluster_->network().heal();
    run(seconds{6});
    ASSERT_TRUE(leads("m1") || leads("m3"));
    ASSERT_EQ(cluster_->slave("m2").discipline().status(), ClockStatus::unsynchronized);
    ASSERT_EQ(cluster_->slave("s0").discipline().status(), ClockStatus::synchronized);
    const char* master = leads("m1") ? "m1" : "m3";
    const char* sound = leads("m1") ? "m3" : "m1";
    cluster_->kill(master);
    run(seconds{20});
    EXPECT_TRUE(leads(sound)) << "m2 leads: " << leads("m2");
    EXPECT_EQ(cluster_->slave("s0").discipline().status(), ClockStatus::synchronized);
}

}  // namespace
}  // namespace berkeley::sim
