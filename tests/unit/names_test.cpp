// Names and the trial of their addresses, without a network: look-ups are answered by hand.
#include "net/names.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "net/address_trial.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

RawTime at(Duration since_start) { return RawTime{1h + since_start}; }

/// Look-ups that wait for the test's answer.
struct Resolver {
    std::vector<std::string> asked;
    std::map<std::string, std::function<void(Result<Addresses>)>> waiting;
    bool full = false;

    LookUp look_up() {
        return [this](const std::string& host, std::function<void(Result<Addresses>)> done) {
            if (full) return false;
            asked.push_back(host);
            waiting[host] = std::move(done);
            return true;
        };
    }
    void answer(const std::string& host, Result<Addresses> answer) {
        auto node = waiting.extract(host);
        ASSERT_FALSE(node.empty()) << host;
        node.mapped()(std::move(answer));
    }
};

TEST(Names, AddressesAreNoNames) {
    for (const char* address : {"127.0.0.1", "10.1.2.3", "[::1]", "[fe80::1%eth0]"}) {
        EXPECT_TRUE(is_numeric(address)) << address;
    }
    for (const char* name : {"localhost", "m1.example.org", "127.evil.example", "1.2.3", "10.1.2.3.4"}) {
        EXPECT_FALSE(is_numeric(name)) << name;
    }
}

TEST(Names, AHostIsLookedUpOnceAtATimeHoweverManyUseIt) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto one = names.find("m1");
    const auto same = names.find("m1");
    for (int i = 0; i < 10; ++i) {
        one->want();
        same->want();
        names.tend(at(i * 1s));
    }
    EXPECT_EQ(resolver.asked, (std::vector<std::string>{"m1"}));
    EXPECT_FALSE(names.take_news());
    resolver.answer("m1", Addresses{"10.0.0.1"});
    EXPECT_TRUE(names.take_news());
    EXPECT_FALSE(names.take_news());
    EXPECT_EQ(one->addresses(), (Addresses{"10.0.0.1"}));
}

TEST(Names, ADeadNameHoldsUpNoOther) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto dead = names.find("dead");
    const auto good = names.find("good");
    dead->want();
    good->want();
    names.tend(at(0s));
    resolver.answer("good", Addresses{"10.0.0.1"});
    EXPECT_EQ(good->addresses().size(), 1U);
    EXPECT_TRUE(dead->addresses().empty());
}

TEST(Names, ALookUpThatFailsKeepsTheAddresses) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto name = names.find("m1");
    name->want();
    names.tend(at(0s));
    resolver.answer("m1", Addresses{"10.0.0.1"});
    name->want();
    names.tend(at(1s));
    resolver.answer("m1", failure("Temporary failure in name resolution"));
    EXPECT_EQ(name->addresses(), (Addresses{"10.0.0.1"}));
}

TEST(Names, LookUpsOfANameAtWhichNobodyAnswersBecomeRare) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto name = names.find("m1");
    std::vector<int> seconds;
    for (int i = 0; i < 64; ++i) {
        name->want();
        names.tend(at(i * 1s));
        if (resolver.waiting.empty()) continue;
        seconds.push_back(i);
        resolver.answer("m1", failure("no"));
    }
    EXPECT_EQ(seconds, (std::vector<int>{0, 1, 3, 7, 15, 31, 47, 63}));
    // Somebody answered, and is silent again: at once.
    name->works_at("10.0.0.1");
    name->want();
    names.tend(at(64s));
    EXPECT_EQ(resolver.waiting.count("m1"), 1U);
}

TEST(Names, WhereTooMuchWaitsItIsAskedLater) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto name = names.find("m1");
    resolver.full = true;
    name->want();
    names.tend(at(0s));
    EXPECT_FALSE(name->pending());
    resolver.full = false;
    names.tend(at(1ms));
    EXPECT_TRUE(name->pending());
}

TEST(Names, ANameThatDoesNotResolveIsToldOnceAMinuteByName) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto name = names.find("m2.example.org");
    int lines = 0;
    for (int i = 0; i < 180; ++i) {
        name->want();
        names.tend(at(i * 1s));
        // Every third second the resolver gives up.
        if (i % 3 == 0 && !resolver.waiting.empty()) resolver.answer("m2.example.org", failure("no such"));
        for (const std::string& line : names.complaints(at(i * 1s))) {
            ++lines;
            EXPECT_NE(line.find("m2.example.org"), std::string::npos) << line;
        }
    }
    EXPECT_EQ(lines, 3);
}

TEST(Names, AResolverThatHangsIsToldAfterASecondAndASlowOneIsNot) {
    Resolver resolver;
    Names names(resolver.look_up());
    const auto name = names.find("m1");
    name->want();
    names.tend(at(0s));
    EXPECT_TRUE(names.complaints(at(600ms)).empty());
    ASSERT_EQ(names.complaints(at(1s)).size(), 1U);
    resolver.answer("m1", Addresses{"10.0.0.1"});
    EXPECT_TRUE(names.complaints(at(2min)).empty());
}

TEST(Names, AnAnswerMayComeAfterTheTransportIsGone) {
    Resolver resolver;
    {
        Names names(resolver.look_up());
        const auto name = names.find("m1");
        name->want();
        names.tend(at(0s));
    }
    resolver.answer("m1", Addresses{"10.0.0.1"});
}

TEST(AddressTrial, WithoutAnAddressThereIsNothingToTry) {
    AddressTrial trial;
    EXPECT_TRUE(trial.current().empty());
    EXPECT_FALSE(trial.offer({}, "", at(0s)));
    EXPECT_EQ(trial.due(), RawTime::max());
    EXPECT_TRUE(trial.offer({"a"}, "", at(1s)));
    EXPECT_EQ(trial.current(), "a");
}

TEST(AddressTrial, BeginsWithTheOneThatWorkedLast) {
    AddressTrial trial;
    EXPECT_TRUE(trial.offer({"a", "b", "c"}, "b", at(0s)));
    EXPECT_EQ(trial.current(), "b");
}

TEST(AddressTrial, OneThatRefusesIsLeftAtOnceUntilEachHadItsTurn) {
    AddressTrial trial;
    trial.offer({"a", "b"}, "", at(0s));
    EXPECT_TRUE(trial.on_refused(at(1ms)));
    EXPECT_EQ(trial.current(), "b");
    EXPECT_TRUE(trial.on_refused(at(2ms)));
    EXPECT_EQ(trial.current(), "a");
    // All have refused: now libzmq connects again by itself, until the time is up.
    EXPECT_FALSE(trial.on_refused(at(3ms)));
    EXPECT_EQ(trial.due(), at(1002ms));
    EXPECT_TRUE(trial.on_time(trial.due()));
    EXPECT_EQ(trial.current(), "b");
}

TEST(AddressTrial, OneThatSwallowsEverythingCostsHalfASecond) {
    AddressTrial trial;
    trial.offer({"dead", "good"}, "", at(0s));
    EXPECT_FALSE(trial.on_time(at(499ms)));
    EXPECT_TRUE(trial.on_time(at(500ms)));
    EXPECT_EQ(trial.current(), "good");
    trial.on_connected();
    trial.on_established();
    EXPECT_EQ(trial.due(), RawTime::max());
    EXPECT_FALSE(trial.on_time(at(1h)));
}

TEST(AddressTrial, AHandshakeHasTimeOfItsOwnButOnlyOnce) {
    AddressTrial trial;
    trial.offer({"a", "b"}, "", at(0s));
    trial.on_connected();
    EXPECT_FALSE(trial.on_time(at(2499ms)));
    trial.on_connected();
    EXPECT_TRUE(trial.on_time(at(2500ms)));
}

TEST(AddressTrial, StaysOverARestartOfTheOtherEnd) {
    AddressTrial trial;
    trial.offer({"a", "b"}, "", at(0s));
    trial.on_established();
    EXPECT_FALSE(trial.on_lost(at(10s)));
    EXPECT_FALSE(trial.on_refused(at(10'050ms)));
    EXPECT_EQ(trial.current(), "a");
    EXPECT_TRUE(trial.on_time(at(12s)));  // it does not come back
    EXPECT_EQ(trial.current(), "b");
}

TEST(AddressTrial, ALoneAddressIsNeverLeft) {
    AddressTrial trial;
    trial.offer({"a"}, "", at(0s));
    EXPECT_FALSE(trial.on_refused(at(1s)));
    EXPECT_FALSE(trial.on_silent(at(10s)));
    EXPECT_EQ(trial.due(), RawTime::max());
    EXPECT_EQ(trial.current(), "a");
}

TEST(AddressTrial, AnAddressThatLeftTheNameIsLeftUnlessItWorks) {
    AddressTrial trial;
    trial.offer({"old"}, "", at(0s));
    trial.on_established();
    EXPECT_FALSE(trial.offer({"new"}, "", at(1s)));
    EXPECT_EQ(trial.current(), "old");
    static_cast<void>(trial.on_silent(at(10s)));
    EXPECT_TRUE(trial.offer({"new"}, "", at(11s)) || trial.current() == "new");
    EXPECT_EQ(trial.current(), "new");
}

TEST(AddressTrial, TheOrderOfTheAnswersMovesNobody) {
    AddressTrial trial;
    trial.offer({"a", "b"}, "", at(0s));
    EXPECT_FALSE(trial.offer({"b", "a"}, "", at(1s)));
    EXPECT_EQ(trial.current(), "a");
}

TEST(AddressTrial, ASilentAddressIsLeftIfItHadItsTurn) {
    AddressTrial trial;
    trial.offer({"a", "b"}, "", at(0s));
    EXPECT_FALSE(trial.on_silent(at(1s)));
    EXPECT_EQ(trial.current(), "a");
    trial.on_established();
    EXPECT_TRUE(trial.on_silent(at(6s)));
    EXPECT_EQ(trial.current(), "b");
}

}  // namespace
}  // namespace berkeley
