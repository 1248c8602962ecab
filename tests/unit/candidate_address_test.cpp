// What a candidate tells of itself, and what its receivers make of it.

#include "protocol/candidate_address.hpp"

#include <gtest/gtest.h>

#include "base/endpoint.hpp"

namespace berkeley {
namespace {

Url url(std::string_view text) { return Url::from(text).value(); }

CandidateInfo told(std::string_view poll, std::string_view publish = "tcp://10.0.0.9:5251",
                   std::string_view heartbeat = "tcp://10.0.0.9:5252") {
    return {node_id("m1"), 100, url(poll), url(publish), url(heartbeat)};
}

TEST(CandidateAddress, TheReceiverPutsInTheHostByWhichItKnowsTheSender) {
    struct Case {
        const char* link;
        const char* told;
        const char* completed;
    };
    const Case cases[] = {
        {"tcp://10.0.0.1:5250", "tcp://*:5251", "tcp://10.0.0.1:5251"},
        {"tcp://10.0.0.1:5250", "tcp://0.0.0.0:5251", "tcp://10.0.0.1:5251"},
        {"tcp://[fd00::1]:5250", "tcp://[::]:5251", "tcp://[fd00::1]:5251"},
        {"tcp://m1.example:5250", "tcp://*:5251", "tcp://m1.example:5251"},
        {"tcp://10.0.0.1:5250", "tcp://10.0.0.2:5251", "tcp://10.0.0.2:5251"},
        {"tcp://10.0.0.1:5250", "tcp://m2.example:5251", "tcp://m2.example:5251"},
        // On this machine: for the next receiver it is on ours.
        {"tcp://127.0.0.1:5250", "tcp://0.0.0.0:5251", "tcp://*:5251"},
        {"tcp://*:5250", "tcp://*:5251", "tcp://*:5251"},
        {"ipc:///run/m1", "tcp://[::]:5251", "tcp://*:5251"},
        {"tcp://127.0.0.1:5250", "tcp://127.0.0.1:5251", "tcp://127.0.0.1:5251"},
        {"tcp://localhost:5250", "ipc:///run/m1", "ipc:///run/m1"},
        // A name may lead to this machine.
        {"tcp://m1.example:5250", "tcp://127.0.0.1:5251", "tcp://127.0.0.1:5251"},
        {"inproc://m1", "inproc://m1.publish", "inproc://m1.publish"},
    };
    for (const Case& c : cases) {
        CandidateInfo info = told(c.told, c.told, c.told);
        EXPECT_EQ(complete(info, sender_host(url(c.link))), "") << c.link << ' ' << c.told;
        EXPECT_EQ(info.poll.view(), c.completed) << c.link << ' ' << c.told;
        EXPECT_EQ(info.publish.view(), c.completed) << c.link << ' ' << c.told;
        EXPECT_EQ(info.heartbeat.view(), c.completed) << c.link << ' ' << c.told;
    }
}

TEST(CandidateAddress, TheSourceOfAGreetingIsTheHostOfACandidateThatTellsNone) {
    struct Case {
        const char* address;
        const char* completed;
    };
    for (const Case& c :
         {Case{"10.0.0.1", "tcp://10.0.0.1:5250"}, Case{"fd00::1", "tcp://[fd00::1]:5250"},
          Case{"127.0.0.1", "tcp://*:5250"}, Case{"::1", "tcp://*:5250"}, Case{"", "tcp://*:5250"}}) {
        CandidateInfo info = told("tcp://*:5250", "tcp://*:5250", "tcp://*:5250");
        EXPECT_EQ(complete(info, sender_host(c.address, url("tcp://*:5250"))), "") << c.address;
        EXPECT_EQ(info.poll.view(), c.completed) << c.address;
    }
}

TEST(CandidateAddress, WhatCannotBeConnectedToIsNamed) {
    struct Case {
        const char* link;
        const char* told;
        const char* why;
    };
    const Case cases[] = {
        {"tcp://10.0.0.1:5250", "foo", "is no endpoint"},
        {"tcp://10.0.0.1:5250", "udp://10.0.0.1:1", "is no endpoint"},
        {"tcp://10.0.0.1:5250", "tcp://10.0.0.1:0", "has no port"},
        {"tcp://10.0.0.1:5250", "tcp://*:*", "has no port"},
        {"tcp://10.0.0.1:5250", "tcp://10.0.0.1", "is no endpoint"},
        {"tcp://10.0.0.1:5250", "tcp://10.0.0.1:65536", "is no endpoint"},
        {"tcp://10.0.0.1:5250", "inproc://m1", "is in another process"},
        {"ipc:///run/m1", "inproc://m1", "is in another process"},
        {"ipc:///run/m1", "ipc://*", "has no path"},
        {"tcp://10.0.0.1:5250", "ipc:///run/m1", "is on another machine"},
        {"tcp://10.0.0.1:5250", "tcp://127.0.0.1:5251", "is on another machine"},
        {"tcp://[fd00::1]:5250", "tcp://[::1]:5251", "is on another machine"},
    };
    for (const Case& c : cases) {
        for (int place = 0; place < 3; ++place) {
            CandidateInfo info = told("tcp://10.0.0.9:5250");
            (place == 0 ? info.poll : place == 1 ? info.publish : info.heartbeat) = url(c.told);
            const char* names[] = {"poll", "publish", "heartbeat"};
            EXPECT_EQ(complete(info, sender_host(url(c.link))),
                      std::string("the ") + names[place] + " endpoint of m1, '" + c.told + "', " + c.why);
        }
    }
}

TEST(CandidateAddress, OneBadCandidateDoesNotTakeTheOthersAway) {
    std::vector<CandidateInfo> all{told("tcp://*:1"), told("inproc://x"), told("tcp://10.0.0.3:1")};
    const auto faults = complete_candidates(all, sender_host(url("tcp://10.0.0.1:5250")));
    EXPECT_EQ(faults.size(), 1U);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].poll.view(), "tcp://10.0.0.1:1");
    EXPECT_EQ(all[1].poll.view(), "tcp://10.0.0.3:1");
}

TEST(CandidateAddress, ALoopbackAddressIsToldOnLoopbackOnly) {
    const CandidateInfo local = told("tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3");
    const CandidateInfo mixed = told("tcp://10.0.0.1:1", "ipc:///run/p", "tcp://10.0.0.1:3");
    const CandidateInfo here = told("tcp://*:1", "tcp://*:2", "tcp://*:3");
    for (const char* own : {"tcp://*:5250", "tcp://10.0.0.2:5250", "tcp://m2.example:5250"}) {
        EXPECT_FALSE(may_be_told(local, url(own))) << own;
        EXPECT_FALSE(may_be_told(mixed, url(own))) << own;
        EXPECT_TRUE(may_be_told(here, url(own))) << own;
    }
    for (const char* own : {"tcp://127.0.0.1:5250", "ipc:///run/m2", "tcp://localhost:5250"})
        EXPECT_TRUE(may_be_told(local, url(own))) << own;
}

TEST(CandidateAddress, OfThisMachineIsConnectedToOverLoopback) {
    EXPECT_EQ(to_connect(url("tcp://*:5251")).view(), "tcp://127.0.0.1:5251");
    EXPECT_EQ(to_connect(url("tcp://10.0.0.1:5251")).view(), "tcp://10.0.0.1:5251");
    EXPECT_EQ(to_connect(Url{}).view(), "");
}

TEST(CandidateAddress, IsToldAsGivenElseAsBound) {
    struct Case {
        const char* bound;
        const char* host;
        const char* given;
        const char* told;
    };
    for (const Case& c :
         {Case{"tcp://0.0.0.0:5250", "", "", "tcp://*:5250"}, Case{"tcp://[::]:5250", "", "", "tcp://*:5250"},
          Case{"tcp://10.0.0.1:5250", "", "", "tcp://10.0.0.1:5250"},
          Case{"tcp://0.0.0.0:5250", "[fd00::1]", "", "tcp://[fd00::1]:5250"},
          Case{"tcp://127.0.0.1:5250", "nat.example", "", "tcp://nat.example:5250"},
          Case{"tcp://127.0.0.1:5250", "a", "tcp://nat.example:7", "tcp://nat.example:7"},
          Case{"ipc:///run/m1", "a", "", "ipc:///run/m1"}}) {
        const auto url = advertised_url(c.bound, c.host, c.given);
        ASSERT_TRUE(url.has_value()) << url.error();
        EXPECT_EQ(url->view(), c.told);
    }
}

}  // namespace
}  // namespace berkeley
