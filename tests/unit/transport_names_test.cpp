// Links by name, over loopback: look-ups are answered by the test, addresses are those of 127/8.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "net/transport.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

RawTime read_clock(const void*) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return RawTime{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}
constexpr RawSource kClock{&read_clock, nullptr};
constexpr Duration kPatience = 10s;

Encoded encoded(std::string_view text) {
    Encoded result;
    for (const char c : text) result.bytes.push_back(static_cast<std::byte>(c));
    return result;
}

/// A candidate at one address, and its three ports.
struct Candidate {
    explicit Candidate(const std::string& host)
        : transport(Transport::create({.clock = kClock}).value()),
          poll(port(transport->bind_poll("tcp://" + host + ":0"))),
          publish(port(transport->bind_publish(Channel::publish, "tcp://" + host + ":0"))) {}

    static std::string port(const Result<Url>& url) {
        return std::to_string(parse_endpoint(url.value().view(), EndpointUse::bind).value().port);
    }
    bool hears_a_message() {
        Inbound in;
        transport->wait(1ms);
        return transport->receive(in);
    }

    std::unique_ptr<Transport> transport;
    std::string poll;
    std::string publish;
};

class TransportNames : public ::testing::Test {
protected:
    TransportNames() {
        TransportOptions options;
        options.clock = kClock;
        options.doorbell = doorbell_;
        options.look_up = [this](const std::string& host, std::function<void(Result<Addresses>)> done) {
            ++look_ups_;
            waiting_[host] = std::move(done);
            return true;
        };
        slave_ = Transport::create(options).value();
    }
    void answer(const std::string& host, Result<Addresses> addresses) {
        auto node = waiting_.extract(host);
        ASSERT_FALSE(node.empty()) << host;
        node.mapped()(std::move(addresses));
    }
    /// The slave says hello over the link until somebody hears it.
    bool reaches(Candidate& candidate, Link link = 0) {
        const RawTime end = kClock.now() + kPatience;
        while (kClock.now() < end) {
            Encoded hello = encoded("hello");
            static_cast<void>(slave_->send(link, hello));
            slave_->wait(1ms);
            if (candidate.hears_a_message()) return true;
        }
        return false;
    }
    /// Rounds are published until one comes.
    bool hears(Candidate& candidate) {
        const RawTime end = kClock.now() + kPatience;
        Inbound in;
        while (kClock.now() < end) {
            candidate.transport->publish(Channel::publish, kRoundTopic, encoded("round"));
            candidate.transport->wait(1ms);
            slave_->wait(1ms);
            while (slave_->receive(in)) {
                if (in.source == Source::publish) return true;
            }
        }
        return false;
    }

    std::map<std::string, std::function<void(Result<Addresses>)>> waiting_;
    int look_ups_ = 0;
    std::shared_ptr<Doorbell> doorbell_ = std::make_shared<Doorbell>();
    std::unique_ptr<Transport> slave_;
};

TEST_F(TransportNames, ANameThatIsNotAnsweredHoldsUpNothing) {
    Candidate candidate("127.0.0.1");
    ASSERT_TRUE(slave_->connect_link(0, "tcp://dead.example:5250").has_value());
    ASSERT_TRUE(slave_->connect_link(1, "tcp://127.0.0.1:" + candidate.poll).has_value());
    EXPECT_TRUE(reaches(candidate, 1));
    Encoded hello = encoded("hello");
    EXPECT_EQ(slave_->send(Link{0}, hello).outcome, SendOutcome::unreachable);
    EXPECT_EQ(look_ups_, 1);
}

TEST_F(TransportNames, TheDoorbellWakesTheLoop) {
    doorbell_->ring();
    EXPECT_TRUE(slave_->wait(kPatience).rung);
    EXPECT_FALSE(slave_->wait(1ms).rung);
}

TEST_F(TransportNames, TheNextAddressIsTriedWhereOneRefuses) {
    Candidate candidate("127.0.0.3");
    ASSERT_TRUE(slave_->connect_link(0, "tcp://m1.example:" + candidate.poll).has_value());
    ASSERT_TRUE(
        slave_->subscribe_link(0, "tcp://m1.example:" + candidate.publish, "", node_id("s1")).has_value());
    answer("m1.example", Addresses{"127.0.0.2", "[::1]", "127.0.0.3"});
    EXPECT_TRUE(reaches(candidate));
    EXPECT_TRUE(hears(candidate));
}

TEST_F(TransportNames, AnAddressThatAcceptsAndIsNoNodeIsLeft) {
    // It listens, and says nothing: the kernel accepts for it.
    const int deaf = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Candidate candidate("127.0.0.3");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(candidate.poll)));
    ::inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
    ASSERT_EQ(::bind(deaf, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(deaf, 8), 0);
    ASSERT_TRUE(slave_->connect_link(0, "tcp://m1.example:" + candidate.poll).has_value());
    answer("m1.example", Addresses{"127.0.0.2", "127.0.0.3"});
    EXPECT_TRUE(reaches(candidate));
    ::close(deaf);
}

TEST_F(TransportNames, ASilentLinkHasItsNameLookedUpAnewAndMovesToWhereItIsNow) {
    Candidate here("127.0.0.2");
    const std::string url = "tcp://m1.example:" + here.poll;
    ASSERT_TRUE(slave_->connect_link(0, url).has_value());
    answer("m1.example", Addresses{"127.0.0.2"});
    ASSERT_TRUE(reaches(here));
    EXPECT_EQ(look_ups_, 1);
    // The candidate is somewhere else now, at the same port; the node notices that the link is silent.
    Candidate there("127.0.0.3");
    auto moved = Transport::create({.clock = kClock}).value();
    ASSERT_TRUE(moved->bind_poll("tcp://127.0.0.3:" + here.poll).has_value());
    there.transport = std::move(moved);
    here.transport.reset();
    ASSERT_TRUE(slave_->connect_link(0, url).has_value());
    EXPECT_EQ(look_ups_, 2);
    answer("m1.example", Addresses{"127.0.0.3"});
    EXPECT_TRUE(reaches(there));
}

TEST_F(TransportNames, TheAddressThatWorkedIsKeptWhileTheNameCannotBeLookedUp) {
    Candidate candidate("127.0.0.2");
    const std::string url = "tcp://m1.example:" + candidate.poll;
    ASSERT_TRUE(slave_->connect_link(0, url).has_value());
    answer("m1.example", Addresses{"127.0.0.2"});
    ASSERT_TRUE(reaches(candidate));
    ASSERT_TRUE(slave_->connect_link(0, url).has_value());
    answer("m1.example", failure("Temporary failure in name resolution"));
    EXPECT_TRUE(reaches(candidate));
    slave_->tend();
    const auto notes = slave_->take_notes();
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].find("m1.example"), std::string::npos) << notes[0];
    slave_->tend();
    EXPECT_TRUE(slave_->take_notes().empty());
}

TEST_F(TransportNames, AnAddressInAUrlIsNotLookedUp) {
    Candidate candidate("127.0.0.1");
    ASSERT_TRUE(slave_->connect_link(0, "tcp://127.0.0.1:" + candidate.poll).has_value());
    EXPECT_TRUE(reaches(candidate));
    EXPECT_EQ(look_ups_, 0);
}

TEST_F(TransportNames, AllAddressesMeansThoseOfIpv6Too) {
    auto candidate = Transport::create({.clock = kClock}).value();
    const auto bound = candidate->bind_poll("tcp://*:0");
    ASSERT_TRUE(bound.has_value()) << bound.error();
    const auto port = std::to_string(parse_endpoint(bound->view(), EndpointUse::bind).value().port);
    for (const char* host : {"127.0.0.1", "[::1]"}) {
        ASSERT_TRUE(slave_->connect_link(0, "tcp://" + std::string(host) + ":" + port).has_value());
        const RawTime end = kClock.now() + kPatience;
        Inbound in;
        bool heard = false;
        while (!heard && kClock.now() < end) {
            Encoded hello = encoded("hello");
            static_cast<void>(slave_->send(Link{0}, hello));
            slave_->wait(1ms);
            candidate->wait(1ms);
            heard = candidate->receive(in);
        }
        EXPECT_TRUE(heard) << host;
    }
}

}  // namespace
}  // namespace berkeley
