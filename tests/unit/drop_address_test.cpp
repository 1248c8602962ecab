// Drops name the address that they came from.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <ctime>
#include <memory>
#include <string>

#include "base/endpoint.hpp"
#include "net/drop_counters.hpp"
#include "net/peer_address.hpp"
#include "net/transport.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

RawTime read_clock(const void*) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return RawTime{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}
constexpr RawSource kClock{&read_clock, nullptr};

TEST(DropAddress, TheLastOneIsToldAndThenForgotten) {
    DropCounters drops;
    drops.count(Drop::flood, "10.0.0.1");
    drops.count(Drop::flood, "10.0.0.2");
    drops.count(Drop::flood);
    const auto told = drops.take();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].count, 3U);
    EXPECT_EQ(told[0].from, "10.0.0.2");
    drops.count(Drop::flood);
    EXPECT_EQ(drops.take().at(0).from, "");
}

TEST(DropAddress, AnIpv4PeerOfAnIpv6SocketHasItsPlainAddress) {
    EXPECT_EQ(plain_address("::ffff:10.0.0.1"), "10.0.0.1");
    EXPECT_EQ(plain_address("fd00::1"), "fd00::1");
}

TEST(DropAddress, AFailedHandshakeNamesTheStranger) {
    auto transport = Transport::create({.clock = kClock}).value();
    const auto bound = transport->bind_poll("tcp://*:0");
    ASSERT_TRUE(bound.has_value()) << bound.error();
    const FileDescriptor stranger(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(parse_endpoint(bound->view(), EndpointUse::bind).value().port);
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    ASSERT_EQ(::connect(stranger.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    // The greeting tells that libzmq has accepted it; then the transport asks for its address.
    char greeting = 0;
    ASSERT_EQ(::recv(stranger.get(), &greeting, 1, 0), 1);
    transport->tend();
    const std::string garbage(64, 'x');
    ASSERT_EQ(::send(stranger.get(), garbage.data(), garbage.size(), 0), 64);
    ::shutdown(stranger.get(), SHUT_WR);
    const RawTime end = kClock.now() + 10s;
    std::string from;
    while (from.empty() && kClock.now() < end) {
        transport->wait(1ms);
        for (const DroppedEvent& drop : transport->take_drops()) {
            if (drop.reason == "failed-handshake") from = drop.from;
        }
    }
    EXPECT_EQ(from, "127.0.0.1");
}

TEST(DropAddress, TheSenderOfAMessageIsKnown) {
    auto master = Transport::create({.clock = kClock}).value();
    auto slave = Transport::create({.clock = kClock}).value();
    const auto bound = master->bind_poll("tcp://127.0.0.1:0");
    ASSERT_TRUE(slave->connect_link(0, bound->view()).has_value());
    const RawTime end = kClock.now() + 10s;
    Inbound in;
    bool heard = false;
    while (!heard && kClock.now() < end) {
        Encoded message;
        message.bytes.resize(1);
        static_cast<void>(slave->send(Link{0}, message));
        slave->wait(1ms);
        master->wait(1ms);
        heard = master->receive(in);
    }
    ASSERT_TRUE(heard);
    EXPECT_EQ(master->sender_address(), "127.0.0.1");
}

}  // namespace
}  // namespace berkeley
