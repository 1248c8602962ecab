#include "net/handshake_limit.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "os/file_descriptor.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

/// One socket over which nothing ever came stands for all connections: of each only the time counts.
class HandshakeLimitTest : public testing::Test {
protected:
    void accept(std::size_t count, RawTime now) {
        for (std::size_t i = 0; i < count; ++i) limit_.on_accepted(silent_.get(), now, drops_);
    }
    std::uint64_t cuts() const { return drops_.of(Drop::crowded_handshake); }

    const FileDescriptor silent_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    HandshakeLimit limit_{true};
    DropCounters drops_;
};

TEST_F(HandshakeLimitTest, WithinTheGraceAsManyAsThereMayEverBeAreLeftAlone) {
    accept(HandshakeLimit::most(), RawTime{});
    EXPECT_EQ(cuts(), 0U);
    accept(1, RawTime{kHandshakeGrace - 1ns});
    EXPECT_EQ(cuts(), 1U) << "beyond that even the young are cut";
}

TEST_F(HandshakeLimitTest, BeyondTheGraceTheOldestAreCutUntilThereAreNotTooMany) {
    accept(kManyHandshakes, RawTime{});
    accept(10, RawTime{kHandshakeGrace});
    EXPECT_EQ(cuts(), 10U);
}

TEST_F(HandshakeLimitTest, WhenNobodyComesAnyMoreTheOldOnesAreCutAllTheSame) {
    accept(kManyHandshakes + 44, RawTime{});
    limit_.shed(RawTime{kHandshakeGrace - 1ns}, drops_);
    EXPECT_EQ(cuts(), 0U);
    limit_.shed(RawTime{kHandshakeGrace}, drops_);
    EXPECT_EQ(cuts(), 44U);
}

TEST_F(HandshakeLimitTest, WhatLibzmqHasEndedItselfIsNotCut) {
    accept(kManyHandshakes + 44, RawTime{});
    limit_.shed(RawTime{2001ms}, drops_);
    EXPECT_EQ(cuts(), 0U);
}

}  // namespace
}  // namespace berkeley
