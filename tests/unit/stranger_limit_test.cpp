#include "net/stranger_limit.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr RawTime kStart = from_ns<RawTime>(9'000'000'000);

void waste(StrangerLimit& limit, const std::string& address, int times, RawTime now) {
    for (int i = 0; i < times; ++i) limit.on_wasted(address, now);
}

TEST(StrangerLimit, AHundredHandshakesAreForgivenAndThenFiveASecond) {
    StrangerLimit limit;
    waste(limit, "10.0.0.9", 99, kStart);
    EXPECT_FALSE(limit.cuts("10.0.0.9", kStart));
    waste(limit, "10.0.0.9", 1000, kStart);
    EXPECT_TRUE(limit.cuts("10.0.0.9", kStart));
    EXPECT_FALSE(limit.cuts("10.0.0.8", kStart)) << "another address";
    int passed = 0;
    for (RawTime now = kStart; now < kStart + seconds{10}; now += milliseconds{1}) {
        if (limit.cuts("10.0.0.9", now)) continue;
        ++passed;
        limit.on_wasted("10.0.0.9", now);
    }
    EXPECT_GE(passed, 48);
    EXPECT_LE(passed, 51);
}

TEST(StrangerLimit, AnAddressOfAMemberIsExemptAlsoWhileStrangersShareIt) {
    StrangerLimit limit;
    waste(limit, "10.0.0.9", 1000, kStart);
    limit.on_member("10.0.0.9", kStart);
    EXPECT_FALSE(limit.cuts("10.0.0.9", kStart));
    const RawTime later = kStart + StrangerLimit::kMemberFor + seconds{1};
    waste(limit, "10.0.0.9", 1000, later);
    EXPECT_TRUE(limit.cuts("10.0.0.9", later));
}

TEST(StrangerLimit, ThisMachineIsExempt) {
    StrangerLimit limit;
    for (const char* address : {"127.0.0.1", "::1", ""}) {
        waste(limit, address, 1000, kStart);
        EXPECT_FALSE(limit.cuts(address, kStart)) << address;
    }
}

TEST(StrangerLimit, ForgetsAndIsBounded) {
    StrangerLimit limit;
    for (std::size_t i = 0; i < StrangerLimit::kMaxAddresses + 10; ++i)
        waste(limit, "10.0.0." + std::to_string(i), 1, kStart);
    EXPECT_EQ(limit.size(), StrangerLimit::kMaxAddresses);
    limit.forget(kStart + seconds{1});
    EXPECT_EQ(limit.size(), 0U);
}

}  // namespace
}  // namespace berkeley
