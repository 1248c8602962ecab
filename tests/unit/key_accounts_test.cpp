#include "net/key_accounts.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using namespace std::chrono_literals;
using Admission = KeyAccounts::Admission;
using Verdict = RateLimit::Verdict;

const PublicKey kOne = *PublicKey::from("one");
const PublicKey kOther = *PublicKey::from("other");

TEST(KeyAccounts, AKeyHasOneBucketOfMessagesHoweverManyConnectionsItHas) {
    KeyAccounts accounts({.messages = {100, 10}});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(accounts.message(kOne, RawTime{}), Verdict::pass);
    EXPECT_EQ(accounts.message(kOne, RawTime{}), Verdict::drop);
    EXPECT_EQ(accounts.message(kOther, RawTime{}), Verdict::pass);
}

TEST(KeyAccounts, AdmissionsComeInABurstAndThenAtARateAndARefusedOneCostsNothing) {
    KeyAccounts accounts({.node_admissions = {2, 5}, .tool_admissions = {20, 50}});
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{}), Admission::granted);
    for (int i = 0; i < 1000; ++i)
        EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{}), Admission::too_often);
    EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{500ms}), Admission::granted);
    EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{500ms}), Admission::too_often);
    EXPECT_EQ(accounts.admit(kOther, AccessRole::candidate, RawTime{}), Admission::granted);
}

TEST(KeyAccounts, AToolMayComeMoreOftenThanANode) {
    KeyAccounts accounts({.node_admissions = {2, 5}, .tool_admissions = {20, 50}});
    int granted = 0;
    for (int i = 0; i < 100; ++i)
        granted += accounts.admit(kOne, AccessRole::observer, RawTime{}) == Admission::granted;
    EXPECT_EQ(granted, 50);
    EXPECT_EQ(accounts.admit(kOne, AccessRole::operating, RawTime{50ms}), Admission::granted);
}

TEST(KeyAccounts, WhoHasEnoughConnectionsIsRefusedUntilOneEnds) {
    KeyAccounts accounts({.connections = 2});
    EXPECT_TRUE(accounts.connected(kOne, RawTime{}));
    EXPECT_TRUE(accounts.connected(kOne, RawTime{}));
    EXPECT_FALSE(accounts.connected(kOne, RawTime{}));
    EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{}), Admission::too_many);
    EXPECT_EQ(accounts.admit(kOther, AccessRole::candidate, RawTime{}), Admission::granted);
    accounts.disconnected(kOne);
    EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{}), Admission::granted);
}

TEST(KeyAccounts, WhereNothingIsLimitedEverythingPasses) {
    KeyAccounts accounts({});
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(accounts.admit(kOne, AccessRole::slave, RawTime{}), Admission::granted);
        EXPECT_TRUE(accounts.connected(kOne, RawTime{}));
        EXPECT_EQ(accounts.message(kOne, RawTime{}), Verdict::pass);
    }
}

TEST(KeyAccounts, AnAccountIsForgottenWhenItsConnectionsAreGoneForLong) {
    KeyAccounts accounts({});
    EXPECT_TRUE(accounts.connected(kOne, RawTime{}));
    EXPECT_EQ(accounts.message(kOther, RawTime{}), Verdict::pass);
    accounts.forget(RawTime{2min});
    EXPECT_EQ(accounts.size(), 1U);
    accounts.disconnected(kOne);
    accounts.forget(RawTime{2min});
    EXPECT_EQ(accounts.size(), 0U);
}

}  // namespace
}  // namespace berkeley
