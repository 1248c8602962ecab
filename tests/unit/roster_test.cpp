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

TEST(Roster, SameProcessOverANewConnectionKeepsItsPlace) {
    Roster roster(10);
    const NodeId s1 = node_id("s1");
    roster.on_hello(s1, 1, hello(11), true, 5, kStart);
    const Member* before = roster.by_id(s1);
    EXPECT_EQ(roster.on_hello(s1, 9, hello(11), true, 5, kStart), Claim::known);
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

}  // namespace
}  // namespace berkeley
