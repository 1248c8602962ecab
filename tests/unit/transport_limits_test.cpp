// What one key, or a connection that never says whose it is, can take of a transport.

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <tuple>

#include "os/file_descriptor.hpp"
#include "tests/endless_message.hpp"
#include "tests/unit/secure_transport.hpp"

namespace berkeley {
namespace {

class TransportLimits : public SecureTransportTest {
protected:
    RawPeer dealer(const KeyPair& own) { return raw(zmq::socket_type::dealer, own, poll_); }
    bool in(RawPeer& peer) {
        return until([&] { return peer.connected() > 0; });
    }
    bool out(RawPeer& peer) {
        return until([&] {
            reread();
            return peer.disconnected() > 0;
        });
    }
    /// A subscriber that sends this is cut, and counted for `reason`.
    void expect_cut(const KeyPair& own, std::string_view words, const std::string& reason) {
        const std::uint64_t before = drops_[reason];
        RawPeer peer = raw(zmq::socket_type::xsub, own, publish_);
        ASSERT_TRUE(in(peer));
        peer.send(words);
        EXPECT_TRUE(out(peer));
        EXPECT_GT(drops_[reason], before);
    }
    const KeyPair s2_ = *generate_keys();
};

TEST_F(TransportLimits, ThirtyConnectionsOfOneKeySendNoMoreThanOne) {
    std::deque<RawPeer> peers;
    for (int i = 0; i < 30; ++i)
        peers.emplace_back(zmq::socket_type::dealer, s1_, m1_.public_key, poll_.str());
    // As soon as they may, all at once, so that they share one bucket from its beginning.
    for (RawPeer& peer : peers) ASSERT_TRUE(in(peer));
    const RawTime began = kClock.now();
    while (drops_["flood"] < 10 && kClock.now() - began < kPatience) {
        for (RawPeer& peer : peers) {
            for (int i = 0; i < 50; ++i) peer.send("flood");
        }
        work();
    }
    EXPECT_GE(drops_["flood"], 10U);
    const double seconds = std::chrono::duration<double>(kClock.now() - began).count();
    EXPECT_LE(static_cast<double>(heard_.size()), 100 + 1000 * seconds);
    authorize("s2", s2_, AccessRole::slave);
    reread();
    const auto other = client("s2", s2_);
    ASSERT_TRUE(other->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(speaks(*other, "another key"));
}

TEST_F(TransportLimits, WithoutKeysEachConnectionHasABucketOfItsOwn) {
    TransportOptions options{kClock};
    options.peer_limits = {.messages = {1000, 100}};
    master_ = Transport::create(options).value();
    poll_ = *master_->bind_poll("tcp://127.0.0.1:0");
    const auto flooder = plain();
    ASSERT_TRUE(flooder->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(until(*flooder, [&] {
        Encoded message = encoded("flood");
        for (int i = 0; i < 50; ++i) static_cast<void>(flooder->send(Link{0}, message));
        return drops_["flood"] >= 1;
    }));
    const auto other = plain();
    ASSERT_TRUE(other->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(speaks(*other, "another connection"));
}

TEST_F(TransportLimits, MessagesOfManyFramesAreCountedToo) {
    RawPeer peer = dealer(s1_);
    EXPECT_TRUE(until([&] {
        for (int i = 0; i < 100; ++i) {
            peer.send("x", true);
            peer.send("x");
        }
        return drops_["flood"] >= 1;
    }));
    EXPECT_GE(drops_["extra-frames"], 100U);
}

TEST_F(TransportLimits, AKeyThatComesTooOftenIsTurnedAwayForAWhile) {
    authorize("s2", s2_, AccessRole::slave);
    serve({.node_admissions = {10, 5}});
    std::deque<RawPeer> peers;
    for (int i = 0; i < 12; ++i)
        peers.emplace_back(zmq::socket_type::dealer, s1_, m1_.public_key, poll_.str());
    const auto connected = [&] {
        int count = 0;
        for (RawPeer& peer : peers) count += peer.connected() > 0 ? 1 : 0;
        return count;
    };
    const RawTime began = kClock.now();
    EXPECT_TRUE(until([&] { return drops_["admission-limit"] >= 3; }));
    EXPECT_LE(connected(), 5 + std::chrono::duration<double>(kClock.now() - began).count() * 10);
    EXPECT_NE(notes_.find("turned away a connection of s1"), std::string::npos) << notes_;
    const auto other = client("s2", s2_);
    ASSERT_TRUE(other->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(speaks(*other, "another key"));
    EXPECT_TRUE(until([&] { return connected() == 12; })) << "at last all come in";
}

TEST_F(TransportLimits, AKeyHasSoManyConnectionsAndNoMoreUntilOneEnds) {
    serve({.connections = 4});
    std::deque<RawPeer> peers;
    const auto speak = [&](RawPeer& peer) {
        heard_.clear();
        peer.send("hello");
        return until([&] { return !heard_.empty(); });
    };
    for (int i = 0; i < 4; ++i) {
        peers.emplace_back(zmq::socket_type::dealer, s1_, m1_.public_key, poll_.str());
        EXPECT_TRUE(speak(peers.back()));
    }
    RawPeer fifth = dealer(s1_);
    EXPECT_TRUE(until([&] { return drops_["too-many-connections"] >= 2; }));
    EXPECT_EQ(fifth.connected(), 0);
    peers.pop_front();
    EXPECT_TRUE(in(fifth));
    EXPECT_TRUE(speak(fifth));
    // A new socket has none behind it, and is not told of their end.
    poll_ = *master_->bind_poll("tcp://127.0.0.1:0");
    peers.clear();
    for (int i = 0; i < 4; ++i) {
        peers.emplace_back(zmq::socket_type::dealer, s1_, m1_.public_key, poll_.str());
        EXPECT_TRUE(speak(peers.back())) << i;
    }
}

TEST_F(TransportLimits, AConnectionThatSaysNothingIsCutAndOneThatSpokeIsNot) {
    serve({.silence = 200ms});
    const auto slave = client("s1", s1_);
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*slave, "hello"));
    RawPeer speaker = raw(zmq::socket_type::xsub, s1_, publish_);
    speaker.send("\1round/");
    const std::array<const Url*, 3> urls{&poll_, &publish_, &heartbeat_};
    std::uint64_t before = 0;
    for (const Url* url : urls) {
        RawPeer silent = raw(url == &poll_ ? zmq::socket_type::dealer : zmq::socket_type::xsub, s1_, *url);
        ASSERT_TRUE(in(silent));
        EXPECT_TRUE(out(silent)) << url->view();
        EXPECT_TRUE(until([&] { return drops_["silent-connection"] > before; }));
        before = drops_["silent-connection"];
    }
    EXPECT_EQ(speaker.disconnected(), 0);
    heard_.clear();
    Encoded again = encoded("still here");
    EXPECT_TRUE(slave->send(Link{0}, again).ok());
    EXPECT_TRUE(until(*slave, [&] { return !heard_.empty(); }));
}

TEST_F(TransportLimits, WithoutKeysSilenceIsCutToo) {
    TransportOptions options{kClock};
    options.peer_limits = {.silence = 200ms};
    master_ = Transport::create(options).value();
    poll_ = *master_->bind_poll("tcp://127.0.0.1:0");
    const auto silent = plain();
    ASSERT_TRUE(silent->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(until(*silent, [&] {
        master_->tend();
        return drops_["silent-connection"] >= 1;
    }));
}

TEST_F(TransportLimits, AConnectionOverWhichBytesComeAndNoMessageIsCut) {
    master_ = Transport::create({kClock}).value();
    poll_ = *master_->bind_poll("tcp://127.0.0.1:0");
    publish_ = *master_->bind_publish(Channel::publish, "tcp://127.0.0.1:0");
    const auto honest = plain();
    ASSERT_TRUE(honest->connect_link(0, poll_.view()).has_value());
    // An honest peer may bring as much, in messages.
    std::size_t sent = 0;
    EXPECT_TRUE(until(*honest, [&] {
        Encoded message = encoded(std::string(30'000, 'x'));
        if (honest->send(Link{0}, message).ok()) sent += message.bytes.size();
        return sent > 3 * kMaxUnfinishedBytes;
    }));
    std::uint64_t cut = 0;
    for (auto& [url, type, size] :
         {std::tuple{poll_, "DEALER", 30'000}, std::tuple{publish_, "XSUB", 1000}}) {
        EndlessMessage message(url.view(), type, static_cast<std::size_t>(size));
        ASSERT_TRUE(message.connected());
        ++cut;
        EXPECT_TRUE(until(*honest,
                          [&] {
                              message.go_on();
                              return drops_["endless-message"] >= cut;
                          }))
            << type << ": " << message.bytes() << " bytes";
        EXPECT_EQ(drops_["endless-message"], cut);
        EXPECT_GT(message.bytes(), kMaxUnfinishedBytes) << type;
    }
    EXPECT_TRUE(speaks(*honest, "after"));
}

TEST_F(TransportLimits, RevocationCutsConnectionsThatNeverSpoke) {
    authorize("s2", s2_, AccessRole::slave);
    reread();
    RawPeer dealer_peer = dealer(s2_);
    RawPeer publish_peer = raw(zmq::socket_type::xsub, s2_, publish_);
    RawPeer heartbeat_peer = raw(zmq::socket_type::xsub, s2_, heartbeat_);
    const std::array<RawPeer*, 3> idle{&dealer_peer, &publish_peer, &heartbeat_peer};
    for (RawPeer* peer : idle) ASSERT_TRUE(in(*peer));
    // A key that is added cuts nobody.
    authorize("s3", *generate_keys(), AccessRole::slave);
    reread();
    ASSERT_TRUE(sound());
    for (RawPeer* peer : idle) EXPECT_EQ(peer->disconnected(), 0);
    revoke("s2");
    for (RawPeer* peer : idle) EXPECT_TRUE(out(*peer));
    EXPECT_TRUE(until([&] { return drops_["unauthorised-key"] >= 3; })) << "they come back in vain";
    EXPECT_EQ(drops_["silent-connection"], 0U);
    EXPECT_TRUE(sound());
}

TEST_F(TransportLimits, WhoMayNotSubscribeIsCutWhateverItSends) {
    authorize("watcher", s2_, AccessRole::observer);
    reread();
    for (const std::string_view words : {"\1topic", "topic"})
        expect_cut(s2_, words, "forbidden-subscription");
    EXPECT_TRUE(sound());
}

TEST_F(TransportLimits, ANodeSubscribesToItsOwnTopicsAndToNobodyElses) {
    for (const std::string_view words : {"\1c/s2/", "\1c/", "\1", "\1round", "\1heartbeat/", "\1topic"})
        expect_cut(s1_, words, "forbidden-subscription");
    for (const std::string& topic : {correction_topic(node_id("s1")), std::string(kRoundTopic)}) {
        RawPeer peer = raw(zmq::socket_type::xsub, s1_, publish_);
        ASSERT_TRUE(in(peer));
        peer.send("\1" + topic);
        std::string heard;
        EXPECT_TRUE(until([&] {
            master_->publish(Channel::publish, topic, encoded("mine"));
            return peer.receive(heard);
        })) << topic;
    }
}

TEST_F(TransportLimits, WhoSendsAPublisherSomethingElseIsCut) {
    for (const std::string_view words : {"topic", ""}) expect_cut(s1_, words, "malformed-subscription");
    const std::uint64_t before = drops_["malformed-subscription"];
    RawPeer peer = raw(zmq::socket_type::xsub, s1_, publish_);
    ASSERT_TRUE(in(peer));
    peer.send("topic", true);
    peer.send("\1topic");
    EXPECT_TRUE(out(peer));
    EXPECT_GT(drops_["malformed-subscription"], before);
    EXPECT_TRUE(sound());
}

TEST_F(TransportLimits, SubscriptionsAndTheirEndsAreCountedInTheBucketOfTheKey) {
    serve({.messages = {1, 20}});
    RawPeer peer = raw(zmq::socket_type::xsub, s1_, publish_);
    ASSERT_TRUE(in(peer));
    // Neither alone is too many.
    for (int i = 0; i < 12; ++i) {
        peer.send("\1round/");
        peer.send(std::string_view("\0round/", 7));
    }
    EXPECT_TRUE(out(peer));
    EXPECT_GE(drops_["rate-limited"] + drops_["flood"], 1U);
    EXPECT_EQ(drops_["excess-subscriptions"], 0U);
}

/// Waits until libzmq's thread behind this endpoint has read what its kernel has got. That thread greets who
/// connects. A connection made from now on is in no earlier turn of its loop than what has arrived, so a
/// second one, made after the first was greeted, is in a later turn.
bool reads_what_has_arrived(const Url& url) {
    for (int i = 0; i < 2; ++i) {
        const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = loopback(url);
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            return false;
        char byte = 0;
        if (!happens([&] { return ::recv(socket.get(), &byte, 1, MSG_DONTWAIT) == 1; })) return false;
    }
    return true;
}

/// libzmq has a list of the peers whose subscriptions wait to be granted, and takes one from it for anything
/// else, too.
TEST_F(TransportLimits, AForeignMessageDoesNotHaveAnotherPeersSubscriptionGrantedToNobody) {
    authorize("s2", s2_, AccessRole::slave);
    reread();
    RawPeer eve = raw(zmq::socket_type::xsub, s1_, publish_);
    RawPeer eve_again = raw(zmq::socket_type::xsub, s1_, publish_);
    RawPeer honest = raw(zmq::socket_type::xsub, s2_, publish_);
    for (RawPeer* peer : {&eve, &honest, &eve_again}) ASSERT_TRUE(in(*peer));
    // All three wait in this order, while the master does not look.
    const auto send = [&](RawPeer& peer, const std::string& words) {
        const std::uint64_t before = peer.bytes().acknowledged;
        peer.send(words);
        return happens([&] { return peer.bytes().acknowledged > before; }) &&
               reads_what_has_arrived(publish_);
    };
    ASSERT_TRUE(send(eve, "no subscription"));
    ASSERT_TRUE(send(honest, std::string("\1") + std::string(kRoundTopic)));
    ASSERT_TRUE(send(eve_again, "\1nonsense"));
    std::string topic;
    EXPECT_TRUE(until([&] {
        master_->publish(Channel::publish, kRoundTopic, encoded("round"));
        return honest.receive(topic);
    }));
    EXPECT_EQ(topic, kRoundTopic);
}

TEST_F(TransportLimits, UnknownKeysDoNotKeepTheLogFromWhatItMustSay) {
    // More unknown keys than are named in a minute, and then a new one that is authorised.
    std::deque<RawPeer> strangers;
    for (int i = 0; i < 70; ++i)
        strangers.emplace_back(zmq::socket_type::dealer, *generate_keys(), m1_.public_key, poll_.str());
    ASSERT_TRUE(until([&] { return drops_["unauthorised-key"] >= 70; }));
    authorize("s2", s2_, AccessRole::slave);
    EXPECT_TRUE(until([&] {
        reread();
        return notes_.find("authorised keys: 3") != std::string::npos;
    })) << notes_;
    EXPECT_NE(notes_.find("more strangers were turned away"), std::string::npos);
}

}  // namespace
}  // namespace berkeley
