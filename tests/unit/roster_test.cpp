#include "master/roster.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using Claim = Roster::Claim;

constexpr RawTime kStart = from_ns<RawTime>(1'000'000'000);

Hello hello(Generation generation) {
    Hello h;
    h.generation = generation;
    return h;
}

TEST(Roster, NameBelongsToTheFirstThatClaimsIt) {
    Roster roster(10);
    const NodeId s1 = node_id("s1");
    EXPECT_EQ(roster.on_hello(s1, 1, hello(11), true, 5, kStart), Claim::joined);
    EXPECT_EQ(roster.on_hello(s1, 1, hello(11), true, 5, kStart), Claim::known);
    // A second process: the holder is asked, answers, and keeps the name.
    EXPECT_EQ(roster.on_hello(s1, 2, hello(22), true, 5, kStart), Claim::pending);
    EXPECT_EQ(roster.by_id(s1)->challenge_token, 5U);
    roster.by_id(s1)->heard_at = kStart + milliseconds{1};
    EXPECT_EQ(roster.on_hello(s1, 2, hello(22), true, 6, kStart + milliseconds{100}), Claim::name_in_use);
    EXPECT_EQ(roster.by_id(s1)->generation, 11U);
    EXPECT_EQ(roster.by_route(2), nullptr);
}

TEST(Roster, NameOfASilentHolderGoesToTheNewcomer) {
    Roster roster(10);
    const NodeId s1 = node_id("s1");
    roster.on_hello(s1, 1, hello(11), true, 5, kStart);
    EXPECT_EQ(roster.on_hello(s1, 2, hello(22), true, 5, kStart), Claim::pending);
    EXPECT_EQ(roster.on_hello(s1, 2, hello(22), true, 6, kStart + milliseconds{50}), Claim::pending);
    EXPECT_EQ(roster.on_hello(s1, 2, hello(22), true, 6, kStart + kChallengePatience), Claim::joined);
    EXPECT_EQ(roster.by_id(s1)->generation, 22U);
    EXPECT_EQ(roster.by_route(1), nullptr);
    EXPECT_EQ(roster.by_route(2), roster.by_id(s1));
}

TEST(Roster, SameProcessOverANewConnectionKeepsItsPlaceOnceTheOldOneIsSilent) {
    Roster roster(10);
    const NodeId s1 = node_id("s1");
    roster.on_hello(s1, 1, hello(11), true, 5, kStart);
    const Member* before = roster.by_id(s1);
    EXPECT_EQ(roster.on_hello(s1, 9, hello(11), true, 5, kStart), Claim::pending)
        << "generations are no secrets";
    EXPECT_EQ(roster.by_route(1), before);
    EXPECT_EQ(roster.on_hello(s1, 9, hello(11), true, 5, kStart + kChallengePatience), Claim::known);
    EXPECT_EQ(roster.by_id(s1), before);
    EXPECT_EQ(roster.by_route(9), before);
    EXPECT_EQ(roster.by_route(1), nullptr);
}

TEST(Roster, RefusesMembersBeyondItsLimit) {
    Roster roster(2);
    EXPECT_EQ(roster.on_hello(node_id("a"), 1, hello(1), true, 5, kStart), Claim::joined);
    EXPECT_EQ(roster.on_hello(node_id("b"), 2, hello(2), true, 5, kStart), Claim::joined);
    EXPECT_EQ(roster.on_hello(node_id("c"), 3, hello(3), true, 5, kStart), Claim::full);
    roster.remove(node_id("a"));
    EXPECT_EQ(roster.on_hello(node_id("c"), 3, hello(3), true, 5, kStart), Claim::joined);
}

TEST(Roster, PeerThatRenamesItselfLeavesItsOldName) {
    Roster roster(10);
    roster.on_hello(node_id("a"), 1, hello(1), true, 5, kStart);
    roster.on_hello(node_id("b"), 1, hello(1), true, 5, kStart);
    EXPECT_EQ(roster.by_id(node_id("a")), nullptr);
    EXPECT_EQ(roster.by_route(1), roster.by_id(node_id("b")));
}

TEST(Roster, TellsOfEveryMemberThatLeavesHoweverItLeaves) {
    Roster roster(10);
    std::vector<std::string> left;
    roster.on_leave = [&](Member& m) { left.push_back(m.id.str()); };
    for (Route route = 1; route <= 4; ++route) {
        roster.on_hello(node_id("s" + std::to_string(route)), route, hello(10 + route), false, 5, kStart);
    }
    roster.on_hello(node_id("other"), 1, hello(99), false, 5, kStart);  // s1's connection takes another name
    roster.on_hello(node_id("s2"), 3, hello(12), false, 5, kStart);     // s2 comes over the connection of s3
    roster.on_hello(node_id("s4"), 9, hello(77), false, 5, kStart);     // s4 was restarted
    roster.remove(node_id("s4"));
    EXPECT_EQ(left, (std::vector<std::string>{"s1", "s3", "s4", "s4"}));
    EXPECT_EQ(roster.by_route(1), roster.by_id(node_id("other")));
    EXPECT_EQ(roster.by_route(3), roster.by_id(node_id("s2")));
    EXPECT_EQ(roster.by_route(2), nullptr);
    EXPECT_EQ(roster.size(), 2U);
}

}  // namespace
}  // namespace berkeley
