#include "protocol/permissions.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

TEST(Permissions, RolesSayTheirNames) {
    for (const char* name : {"slave", "candidate", "observer", "operator"}) {
        ASSERT_TRUE(access_role(name).has_value());
        EXPECT_EQ(to_string(*access_role(name)), name);
    }
    EXPECT_FALSE(access_role("king").has_value());
    EXPECT_FALSE(access_role("").has_value());
}

TEST(Permissions, WhatEachRoleMaySendToACandidate) {
    Hello plain;
    Hello standing;
    standing.candidate = CandidateInfo{};
    const struct {
        const char* what;
        Body body;
        std::string roles;  ///< s, c, o(bserver), O(perator)
    } table[] = {
        {"hello", plain, "sc"},
        {"hello of a candidate", standing, "c"},
        {"reply", Reply{}, "sc"},
        {"ack", Ack{}, "sc"},
        {"grant", Grant{}, "sc"},
        {"refuse", Refuse{}, "sc"},
        {"bye", Bye{}, "sc"},
        {"status request", StatusRequest{}, "scoO"},
        {"stepdown", StepDown{}, "O"},
        {"forget", Forget{}, "O"},
        // What candidates send the other way.
        {"welcome", Welcome{}, ""},
        {"poll", Poll{}, ""},
        {"round", RoundNotice{}, ""},
        {"correction", Correction{}, ""},
        {"heartbeat", Heartbeat{}, ""},
        {"vote request", VoteRequest{}, ""},
        {"status answer", StatusAnswer{}, ""},
    };
    for (const auto& row : table) {
        const std::pair<char, AccessRole> roles[] = {{'s', AccessRole::slave},
                                                     {'c', AccessRole::candidate},
                                                     {'o', AccessRole::observer},
                                                     {'O', AccessRole::operating}};
        for (const auto& [letter, role] : roles) {
            EXPECT_EQ(permitted(role, row.body), row.roles.find(letter) != std::string::npos)
                << to_string(role) << ": " << row.what;
        }
    }
}

}  // namespace
}  // namespace berkeley
