#include "net/connections.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

Connection connection(int fd, std::uint64_t first_admission) {
    return {.fd = fd, .first_admission = first_admission, .bucket = RateLimit({}, RawTime{})};
}

TEST(Connections, AMessageOfOneThatIsGoneIsNotTakenForTheNextWithItsDescriptor) {
    Connections connections;
    connections.accepted(BoundSocket::poll, connection(20, 5));
    ASSERT_NE(connections.find(BoundSocket::poll, 20, 5), nullptr);
    ASSERT_TRUE(connections.gone(BoundSocket::poll, 20).has_value());
    EXPECT_EQ(connections.find(BoundSocket::poll, 20, 5), nullptr);
    connections.accepted(BoundSocket::poll, connection(20, 6));
    EXPECT_EQ(connections.find(BoundSocket::poll, 20, 5), nullptr) << "the late message";
    EXPECT_NE(connections.find(BoundSocket::poll, 20, 7), nullptr) << "its own";
}

TEST(Connections, IsEndlessWhereManyBytesComeAndNoMessage) {
    Connection c = connection(20, 0);
    EXPECT_FALSE(is_endless(c, 1000)) << "a handshake";
    EXPECT_FALSE(is_endless(c, kMaxUnfinishedBytes));
    EXPECT_TRUE(is_endless(c, kMaxUnfinishedBytes + 1));
    c.heard = true;
    EXPECT_FALSE(is_endless(c, 2 * kMaxUnfinishedBytes)) << "a message came";
    EXPECT_FALSE(is_endless(c, 3 * kMaxUnfinishedBytes));
    EXPECT_TRUE(is_endless(c, 3 * kMaxUnfinishedBytes + 1));
}

TEST(Connections, AYoungerOneWithTheDescriptorOfAnotherIsNotEndless) {
    Connection c = connection(20, 0);
    c.heard = true;
    EXPECT_FALSE(is_endless(c, 5000));
    EXPECT_FALSE(is_endless(c, 64)) << "another connection's count, and no event of it yet";
    EXPECT_FALSE(is_endless(c, 64 + kMaxUnfinishedBytes));
    EXPECT_TRUE(is_endless(c, 65 + kMaxUnfinishedBytes));
}

TEST(Connections, EachSocketHasItsOwn) {
    Connections connections;
    connections.accepted(BoundSocket::poll, connection(20, 0));
    EXPECT_EQ(connections.find(BoundSocket::publish, 20), nullptr);
    EXPECT_FALSE(connections.gone(BoundSocket::heartbeat, 20).has_value());
    EXPECT_NE(connections.find(BoundSocket::poll, 20), nullptr);
}

TEST(Connections, WhatIsClearedIsHandedBack) {
    Connections connections;
    connections.accepted(BoundSocket::poll, connection(20, 0));
    connections.accepted(BoundSocket::poll, connection(21, 0));
    connections.accepted(BoundSocket::publish, connection(22, 0));
    EXPECT_EQ(connections.clear(BoundSocket::poll).size(), 2U);
    int left = 0;
    connections.for_each([&](const Connection& c) {
        ++left;
        EXPECT_EQ(c.fd, 22);
    });
    EXPECT_EQ(left, 1);
}

}  // namespace
}  // namespace berkeley
