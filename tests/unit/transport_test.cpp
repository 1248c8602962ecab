#include "net/transport.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>

#include <zmq.hpp>  // hostile peers need a socket without manners

#include "tests/unit/transport_words.hpp"

namespace berkeley {
namespace {

std::unique_ptr<Transport> make(const Transport* shared = nullptr) {
    return Transport::create({.clock = kClock, .share_context_with = shared}).value();
}

/// Waits for the event, with a deadline.
bool next(Transport& transport, Inbound& in) {
    const RawTime end = kClock.now() + kPatience;
    while (!transport.receive(in)) {
        if (kClock.now() >= end) return false;
        transport.poll(end);
    }
    return true;
}

/// A DEALER takes nothing before its connection stands.
bool send_when_connected(Transport& transport, Link link, Encoded message) {
    const RawTime end = kClock.now() + kPatience;
    while (kClock.now() < end) {
        if (transport.send(link, message).ok()) return true;
        transport.wait(1ms);
    }
    return false;
}

std::uint64_t drops_of(Transport& transport, std::string_view reason) {
    for (const DroppedEvent& drop : transport.take_drops()) {
        if (drop.reason == reason) return drop.count;
    }
    return 0;
}

class TransportTest : public ::testing::TestWithParam<const char*> {
protected:
    TransportTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berkeley-io-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~TransportTest() override { std::filesystem::remove_all(directory_); }

    std::string ipc(const std::string& name) const { return "ipc://" + (directory_ / name).string(); }
    std::string url(const std::string& name) const {
        const std::string kind = GetParam();
        return kind == "tcp" ? "tcp://127.0.0.1:0" : kind == "ipc" ? ipc(name) : "inproc://" + name;
    }

    std::filesystem::path directory_;
};

TEST_P(TransportTest, AMessageGoesBothWaysAndIsStamped) {
    const auto master = make();
    const auto slave = make(master.get());
    const auto bound = master->bind_poll(url("poll"));
    ASSERT_TRUE(bound.has_value()) << bound.error();
    ASSERT_TRUE(slave->connect_link(3, bound->view()).has_value());
    const RawTime before = kClock.now();
    ASSERT_TRUE(send_when_connected(*slave, 3, encoded("hello")));
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    EXPECT_EQ(text(in), "hello");
    EXPECT_EQ(in.source, Source::router);
    EXPECT_GT(in.received_at, before);
    EXPECT_LE(in.received_at, kClock.now());

    Encoded poll = encoded("poll");
    const Sent sent = master->send(in.route, poll);
    ASSERT_TRUE(sent.ok());
    EXPECT_GT(sent.stamp, in.received_at);
    ASSERT_TRUE(next(*slave, in));
    EXPECT_EQ(text(in), "poll");
    EXPECT_EQ(in.source, Source::dealer);
    EXPECT_EQ(in.link, 3);
    EXPECT_GT(in.received_at, sent.stamp);
}

/// A clock by which nothing takes time but reading it, and during one of its readings a message is sent.
struct SendingClock {
    Duration step;
    int send_during;
    Transport* sender = nullptr;
    int readings = 0;

    static RawTime read(const void* context) {
        auto* clock = const_cast<SendingClock*>(static_cast<const SendingClock*>(context));
        Encoded message = encoded("hello");
        if (++clock->readings == clock->send_during) {
            EXPECT_TRUE(clock->sender->send(Link{0}, message).ok());
        }
        return RawTime{clock->readings * clock->step};
    }
};

/// Which reading the stamp of a message is that was sent during this one.
int reading_of_stamp(int send_during, Duration step) {
    SendingClock clock{step, send_during};
    const auto receiver = Transport::create({{&SendingClock::read, &clock}, false, nullptr}).value();
    const auto sender = make(receiver.get());
    clock.sender = sender.get();
    EXPECT_TRUE(receiver->bind_poll("inproc://stamp").has_value());
    EXPECT_TRUE(sender->connect_link(0, "inproc://stamp").has_value());
    Inbound in;
    receiver->poll(RawTime{1ms});
    EXPECT_TRUE(receiver->receive(in));
    return static_cast<int>((in.received_at - RawTime{}) / step);
}

/// What is sent during a reading bears that very stamp only if libzmq is asked after it.
TEST(ReceiveStamp, IsReadBeforeLibzmqIsAskedAndAgainAfterwardsWhereThatTookLong) {
    int reading = 1;
    while (reading < 10 && reading_of_stamp(reading, kReceiveDoubt) != reading) ++reading;
    EXPECT_EQ(reading_of_stamp(reading, kReceiveDoubt), reading) << "no reading comes right before the call";
    EXPECT_EQ(reading_of_stamp(reading, kReceiveDoubt + 1ns), reading + 1);
}

TEST_P(TransportTest, ASubscriberGetsItsOwnTopicsFromBothChannels) {
    const auto master = make();
    const auto slave = make(master.get());
    const auto publish = master->bind_publish(Channel::publish, url("publish"));
    const auto heartbeat = master->bind_publish(Channel::heartbeat, url("heartbeat"));
    ASSERT_TRUE(publish.has_value() && heartbeat.has_value());
    ASSERT_TRUE(slave->subscribe_link(1, publish->view(), heartbeat->view(), node_id("s1")).has_value());
    bool seen_round = false;
    bool seen_own = false;
    bool seen_heartbeat = false;
    Inbound in;
    for (const RawTime end = kClock.now() + kPatience;
         kClock.now() < end && !(seen_round && seen_own && seen_heartbeat);) {
        // Until the subscriptions have arrived and are granted, which poll() does, all of this goes nowhere.
        master->wait(Duration{0});
        EXPECT_TRUE(master->publish(Channel::publish, correction_topic(node_id("s10")), encoded("other")));
        EXPECT_TRUE(master->publish(Channel::publish, correction_topic(node_id("s1")), encoded("own")));
        EXPECT_TRUE(master->publish(Channel::publish, kRoundTopic, encoded("round")));
        EXPECT_TRUE(master->publish(Channel::heartbeat, kHeartbeatTopic, encoded("beat")));
        slave->wait(5ms);
        while (slave->receive(in)) {
            EXPECT_EQ(in.link, 1);
            EXPECT_NE(text(in), "other");
            EXPECT_EQ(in.source, text(in) == "beat" ? Source::heartbeat : Source::publish);
            seen_own |= text(in) == "own";
            seen_round |= text(in) == "round";
            seen_heartbeat |= text(in) == "beat";
        }
    }
    EXPECT_TRUE(seen_own);
    EXPECT_TRUE(seen_round);
    EXPECT_TRUE(seen_heartbeat);
}

INSTANTIATE_TEST_SUITE_P(Over, TransportTest, ::testing::Values("tcp", "ipc", "inproc"),
                         [](const auto& test) { return std::string(test.param); });

using TransportEdgeTest = TransportTest;
INSTANTIATE_TEST_SUITE_P(Ipc, TransportEdgeTest, ::testing::Values("ipc"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(TransportEdgeTest, AnEphemeralPortIsTold) {
    const auto transport = make();
    for (const char* url : {"tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://localhost:0"}) {
        const auto bound = transport->bind_poll(url);
        ASSERT_TRUE(bound.has_value()) << bound.error();
        EXPECT_EQ(bound->view().substr(0, 16), "tcp://127.0.0.1:");
        EXPECT_NE(bound->view().substr(16), "0");
    }
}

TEST_P(TransportEdgeTest, APortInUseIsOneLine) {
    const auto first = make();
    const auto second = make();
    const auto bound = first->bind_poll("tcp://127.0.0.1:0");
    ASSERT_TRUE(bound.has_value());
    const auto again = second->bind_poll(bound->view());
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().find("port in use"), std::string::npos) << again.error();
    EXPECT_EQ(again.error().find('\n'), std::string::npos);
}

TEST_P(TransportEdgeTest, AnIpcPathInUseIsNotStolen) {
    const auto first = make();
    const auto second = make();
    ASSERT_TRUE(first->bind_poll(ipc("p")).has_value());
    const auto again = second->bind_poll(ipc("p"));
    ASSERT_FALSE(again.has_value());
    EXPECT_NE(again.error().find("in use by another process"), std::string::npos) << again.error();
    // The first still answers there.
    ASSERT_TRUE(second->connect_link(0, ipc("p")).has_value());
    ASSERT_TRUE(send_when_connected(*second, 0, encoded("x")));
    Inbound in;
    EXPECT_TRUE(next(*first, in));
}

TEST_P(TransportEdgeTest, AStaleIpcSocketIsReplacedAndAFileIsNot) {
    const std::string path = (directory_ / "stale").string();
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);  // the file stays, as after a crash
    const auto transport = make();
    const auto bound = transport->bind_poll("ipc://" + path);
    EXPECT_TRUE(bound.has_value()) << bound.error();

    const std::string file = (directory_ / "file").string();
    ASSERT_EQ(::mknod(file.c_str(), S_IFREG | 0600, 0), 0);
    EXPECT_FALSE(transport->bind_poll("ipc://" + file).has_value());
    EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_P(TransportEdgeTest, ARouteThatNobodyHasIsUnreachable) {
    const auto master = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    Encoded message = encoded("x");
    EXPECT_EQ(master->send(Route{12345}, message).outcome, SendOutcome::unreachable);
    EXPECT_EQ(drops_of(*master, "unreachable"), 1U);
}

TEST_P(TransportEdgeTest, APeerThatLeftBecomesUnreachable) {
    const auto master = make();
    const auto slave = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    ASSERT_TRUE(slave->connect_link(0, ipc("p")).has_value());
    ASSERT_TRUE(send_when_connected(*slave, 0, encoded("hello")));
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    slave->drop_link(0);
    Encoded message = encoded("poll");
    const RawTime end = kClock.now() + kPatience;
    SendOutcome outcome = SendOutcome::sent;
    while (outcome != SendOutcome::unreachable && kClock.now() < end) {
        outcome = master->send(in.route, message).outcome;
        master->wait(1ms);
    }
    EXPECT_EQ(outcome, SendOutcome::unreachable);
}

TEST_P(TransportEdgeTest, ALinkWithoutAConnectionIsFullAndNotFatal) {
    const auto slave = make();
    ASSERT_TRUE(slave->connect_link(0, ipc("nobody")).has_value());
    Encoded message = encoded("hello");
    EXPECT_EQ(slave->send(Link{0}, message).outcome, SendOutcome::full);
    EXPECT_EQ(slave->send(Link{1}, message).outcome, SendOutcome::unreachable);
    EXPECT_EQ(drops_of(*slave, "send-queue-full"), 0U) << "an absent candidate is no lost message";
    EXPECT_FALSE(slave->connect_link(0, "nonsense").has_value());
    EXPECT_FALSE(slave->publish(Channel::publish, "t/", message)) << "not bound";
}

TEST_P(TransportEdgeTest, AReplyIsStampedInTheLastMoment) {
    const auto master = make();
    const auto slave = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    ASSERT_TRUE(slave->connect_link(0, ipc("p")).has_value());
    ASSERT_TRUE(send_when_connected(*slave, 0, encoded("connected")));
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    Encoded reply = encoded("R--------");
    reply.stamp_at = 1;
    const Sent sent = slave->send(Link{0}, reply);
    ASSERT_TRUE(sent.ok());
    ASSERT_TRUE(next(*master, in));
    std::uint64_t stamp = 0;
    for (const std::byte byte : in.payload.subspan(1))
        stamp = stamp << 8 | std::to_integer<std::uint64_t>(byte);
    EXPECT_EQ(static_cast<std::int64_t>(stamp), to_ns(sent.stamp));
}

TEST_P(TransportEdgeTest, MultipartGarbageIsDroppedAndTheNextMessageArrives) {
    const auto master = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    zmq::context_t context;
    zmq::socket_t peer(context, zmq::socket_type::dealer);
    peer.set(zmq::sockopt::linger, 0);
    peer.connect(ipc("p"));
    for (int i = 0; i < 1000; ++i) peer.send(zmq::str_buffer("part"), zmq::send_flags::sndmore);
    peer.send(zmq::str_buffer("end"), zmq::send_flags::none);
    peer.send(zmq::str_buffer("good"), zmq::send_flags::none);
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    EXPECT_EQ(text(in), "good");
    EXPECT_EQ(drops_of(*master, "extra-frames"), 1U);
}

TEST_P(TransportEdgeTest, APublisherWithTooFewOrTooManyFramesIsDropped) {
    zmq::context_t context;
    zmq::socket_t peer(context, zmq::socket_type::xpub);
    peer.set(zmq::sockopt::linger, 0);
    peer.bind(ipc("pub"));
    const auto slave = make();
    ASSERT_TRUE(slave->subscribe_link(0, ipc("pub"), "", node_id("s1")).has_value());
    zmq::message_t subscription;
    for (int topics = 0; topics < 2; ++topics) ASSERT_TRUE(peer.recv(subscription).has_value());
    const std::string topic(kRoundTopic);
    peer.send(zmq::buffer(topic), zmq::send_flags::none);
    peer.send(zmq::buffer(topic), zmq::send_flags::sndmore);
    peer.send(zmq::str_buffer("a"), zmq::send_flags::sndmore);
    peer.send(zmq::str_buffer("b"), zmq::send_flags::none);
    peer.send(zmq::buffer(topic), zmq::send_flags::sndmore);
    peer.send(zmq::str_buffer("good"), zmq::send_flags::none);
    Inbound in;
    ASSERT_TRUE(next(*slave, in));
    EXPECT_EQ(text(in), "good");
    const auto drops = slave->take_drops();
    ASSERT_EQ(drops.size(), 2U);
    EXPECT_EQ(drops[0].reason, "extra-frames");
    EXPECT_EQ(drops[1].reason, "missing-frames");
}

TEST_P(TransportEdgeTest, APeerThatChoosesItsOwnRoutingIdIsIgnored) {
    // Also one that looks like libzmq's own: a zero, and four bytes.
    for (const std::string_view chosen : {std::string_view("abcde"), std::string_view("\0bcde", 5)}) {
        const auto master = make();
        ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
        zmq::context_t context;
        zmq::socket_t liar(context, zmq::socket_type::dealer);
        liar.set(zmq::sockopt::linger, 0);
        liar.set(zmq::sockopt::routing_id, chosen);
        liar.connect(ipc("p"));
        liar.send(zmq::str_buffer("bad"), zmq::send_flags::none);
        const RawTime end = kClock.now() + kPatience;
        std::uint64_t drops = 0;
        while (drops == 0 && kClock.now() < end) {
            EXPECT_FALSE(master->wait(5ms).readable);
            drops = drops_of(*master, "foreign-routing-id");
        }
        EXPECT_EQ(drops, 1U) << chosen;
    }
}

TEST_P(TransportEdgeTest, AnOversizeMessageCutsItsSenderOffAndNothingElse) {
    const auto master = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    zmq::context_t context;
    zmq::socket_t liar(context, zmq::socket_type::dealer);
    liar.set(zmq::sockopt::linger, 0);
    liar.connect(ipc("p"));
    const std::string big(kMaxMessageBytes + 1, 'x');
    liar.send(zmq::buffer(big), zmq::send_flags::none);
    const auto slave = make();
    ASSERT_TRUE(slave->connect_link(0, ipc("p")).has_value());
    ASSERT_TRUE(send_when_connected(*slave, 0, encoded("good")));
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    EXPECT_EQ(text(in), "good");
}

TEST_P(TransportEdgeTest, AFloodDoesNotStarveTheDeadline) {
    const auto master = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    const auto slave = make();
    ASSERT_TRUE(slave->connect_link(0, ipc("p")).has_value());
    ASSERT_TRUE(send_when_connected(*slave, 0, encoded("flood")));
    Encoded message = encoded("flood");
    constexpr std::uint64_t kEnough = 5000;
    std::uint64_t received = 0;
    Inbound in;
    for (const RawTime end = kClock.now() + kPatience; received < kEnough && kClock.now() < end;) {
        for (int i = 0; i < 100; ++i) slave->send(Link{0}, message);
        // However much is waiting, poll() comes back, says that the deadline is there, and brings its share.
        const Wake wake = master->poll(kClock.now());
        EXPECT_TRUE(wake.deadline);
        std::size_t batch = 0;
        while (master->receive(in)) ++batch;
        EXPECT_LE(batch, kMaxReceivePerPoll);
        received += batch;
    }
    EXPECT_GE(received, kEnough);
}

TEST_P(TransportEdgeTest, ADeadlineIsKeptFinerThanAMillisecond) {
    const auto transport = make();
    Duration best = 1s;
    for (int i = 0; i < 50; ++i) {
        const RawTime start = kClock.now();
        while (!transport->poll(start + 300us).deadline) {
        }
        const Duration took = kClock.now() - start;
        EXPECT_GE(took, 300us);
        best = std::min(best, took);
    }
    EXPECT_LT(best, 900us) << "a millisecond timer could not do that";
}

TEST_P(TransportEdgeTest, MessagesOfADroppedLinkAreGone) {
    const auto master = make();
    const auto slave = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    ASSERT_TRUE(slave->connect_link(0, ipc("p")).has_value());
    ASSERT_TRUE(send_when_connected(*slave, 0, encoded("hello")));
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    Encoded message = encoded("late");
    ASSERT_TRUE(master->send(in.route, message).ok());
    ASSERT_TRUE(slave->wait(kPatience).readable);
    slave->drop_link(0);
    EXPECT_FALSE(slave->receive(in));
}

TEST_P(TransportEdgeTest, AGoodbyeLeavesBeforeTheSocketsClose) {
    const auto master = make();
    ASSERT_TRUE(master->bind_poll(ipc("p")).has_value());
    {
        const auto slave = make();
        ASSERT_TRUE(slave->connect_link(0, ipc("p")).has_value());
        ASSERT_TRUE(send_when_connected(*slave, 0, encoded("hello")));
        Encoded bye = encoded("bye");
        ASSERT_TRUE(slave->send(Link{0}, bye).ok());
        slave->close(kPatience);
    }
    Inbound in;
    ASSERT_TRUE(next(*master, in));
    ASSERT_TRUE(next(*master, in));
    EXPECT_EQ(text(in), "bye");
}

TEST_P(TransportEdgeTest, SignalsWakeItUp) {
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    {
        auto transport = Transport::create({kClock, true, nullptr}).value();
        for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
            ASSERT_EQ(::kill(::getpid(), signal), 0);
            EXPECT_EQ(transport->poll(kClock.now() + kPatience).signal, signal);
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace berkeley
