// Who gets through the transport with keys, and who does not. Every test has an honest peer beside the
// hostile one.

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "net/handshake_limit.hpp"
#include "os/file_descriptor.hpp"
#include "tests/unit/secure_transport.hpp"

namespace berkeley {
namespace {

TEST_F(SecureTransportTest, AnAuthorisedPeerIsHeardUnderTheNameOfItsKey) {
    const auto slave = client("s1", s1_);
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*slave, "hello"));
    ASSERT_TRUE(heard_.back().peer.has_value());
    EXPECT_EQ(*heard_.back().peer, (PeerIdentity{node_id("s1"), AccessRole::slave}));

    Encoded answer = encoded("welcome");
    ASSERT_TRUE(master_->send(heard_.back().route, answer).ok());
    Inbound in;
    ASSERT_TRUE(until(*slave, [&] { return slave->receive(in); }));
    EXPECT_EQ(text(in), "welcome");
    EXPECT_EQ(*in.peer, (PeerIdentity{node_id("m1"), AccessRole::candidate}));
}

TEST_F(SecureTransportTest, BothPublishersReachAnAuthorisedSubscriber) {
    const auto slave = client("s1", s1_);
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(slave->subscribe_link(0, publish_.view(), heartbeat_.view(), node_id("s1")).has_value());
    std::set<Source> heard;
    EXPECT_TRUE(until(*slave, [&] {
        master_->publish(Channel::publish, kRoundTopic, encoded("round"));
        master_->publish(Channel::heartbeat, kHeartbeatTopic, encoded("beat"));
        for (Inbound in; slave->receive(in);) heard.insert(in.source);
        return heard == std::set{Source::publish, Source::heartbeat};
    }));
}

TEST_F(SecureTransportTest, AnUnknownKeyIsNeverHeardAndBothLogsSayWhy) {
    const auto peer = client("eve", stranger_);
    ASSERT_TRUE(peer->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(until(*peer, [&] {
        Encoded message = encoded("let me in");
        static_cast<void>(peer->send(Link{0}, message));
        return drops_["unauthorised-key"] >= 2 && !peer_notes_.empty();
    }));
    EXPECT_TRUE(heard_.empty());
    EXPECT_NE(notes_.find(stranger_.public_key.str()), std::string::npos) << notes_;
    EXPECT_NE(peer_notes_.find("berkeleyctl authorize"), std::string::npos) << peer_notes_;
    EXPECT_TRUE(sound());
}

TEST_F(SecureTransportTest, AClientWithTheWrongServerKeySaysSo) {
    const auto peer = client("s1", s1_, {{stranger_.public_key, std::nullopt}});
    ASSERT_TRUE(peer->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(until(*peer, [&] {
        return !peer_notes_.empty() && notes_.find("another server key") != std::string::npos;
    }));
    EXPECT_NE(peer_notes_.find("wrong --server-key"), std::string::npos) << peer_notes_;
    EXPECT_TRUE(heard_.empty());
    EXPECT_TRUE(sound());
}

TEST_F(SecureTransportTest, TheRightOneOfSeveralPinnedKeysIsFound) {
    std::vector<Pin> pins;
    for (int i = 0; i < 3; ++i) pins.push_back({generate_keys()->public_key, std::nullopt});
    pins.push_back({m1_.public_key, node_id("m1")});
    const auto slave = client("s1", s1_, pins);
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(speaks(*slave, "hello"));
}

/// A link subscribes as soon as it knows where, when the DEALER may not have found the right key yet.
TEST_F(SecureTransportTest, SubscriptionsThatWereMadeWithAnotherPinnedKeyAreMadeAgainWithTheRightOne) {
    const auto slave =
        client("s1", s1_, {{stranger_.public_key, std::nullopt}, {m1_.public_key, node_id("m1")}});
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(slave->subscribe_link(0, publish_.view(), heartbeat_.view(), node_id("s1")).has_value());
    std::set<Source> heard;
    EXPECT_TRUE(until(*slave, [&] {
        master_->publish(Channel::publish, kRoundTopic, encoded("round"));
        master_->publish(Channel::heartbeat, kHeartbeatTopic, encoded("beat"));
        for (Inbound in; slave->receive(in);) {
            EXPECT_EQ(in.peer->id, node_id("m1"));
            heard.insert(in.source);
        }
        return heard == std::set{Source::publish, Source::heartbeat};
    }));
}

/// The poll endpoint has another key than the two that are pinned, so the DEALER tries both in vain, while a
/// subscription with the first stands.
class RefusedDealer : public SecureTransportTest {
protected:
    RefusedDealer() {
        ::chmod(pins_.path().c_str(), 0755);
        pin("m1", m1_.public_key);
        pin("m2", generate_keys()->public_key);
        TransportOptions options{kClock};
        options.credentials =
            Credentials{node_id("eve"), stranger_, KeyDirectory::open({}, {}, stranger_.public_key).value()};
        refuser_ = Transport::create(options).value();
        options.credentials =
            Credentials{node_id("s1"), s1_, KeyDirectory::open(pins_.path(), {}, s1_.public_key).value()};
        slave_keys_ = options.credentials->keys;
        slave_ = Transport::create(options).value();
        EXPECT_TRUE(slave_->connect_link(0, refuser_->bind_poll("tcp://127.0.0.1:0")->view()).has_value());
        EXPECT_TRUE(slave_->subscribe_link(0, publish_.view(), {}, node_id("s1")).has_value());
        EXPECT_TRUE(until(*slave_, [&] {
            refuser_->wait(1ms);
            return peer_notes_.find("none of the 2 pinned ones") != std::string::npos;
        })) << "so the second was tried";
    }
    void pin(const std::string& id, const PublicKey& key) const {
        std::ofstream(pins_.path() / (id + ".key"))
            << key_card_text({key, node_id(id), AccessRole::candidate});
    }
    bool hears() {
        master_->publish(Channel::publish, kRoundTopic, encoded("round"));
        return slave_->receive(in_);
    }
    TemporaryDirectory pins_;
    std::optional<KeyDirectory> slave_keys_;
    std::unique_ptr<Transport> refuser_;
    std::unique_ptr<Transport> slave_;
    Inbound in_;
};

TEST_F(RefusedDealer, DoesNotChangeTheNameThatWhatASubscriptionBringsBears) {
    ASSERT_TRUE(until(*slave_, [&] { return hears(); }));
    EXPECT_EQ(in_.peer->id, node_id("m1"));
}

TEST_F(RefusedDealer, DoesNotKeepASubscriptionAliveWhosePinIsTakenAway) {
    ASSERT_TRUE(until(*slave_, [&] { return hears(); }));
    std::filesystem::remove(pins_.path() / "m1.key");
    reread(*slave_keys_, *slave_);
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(hears());
        work(*slave_);
    }
}

TEST_F(SecureTransportTest, AClientInTheClearIsTurnedAwayAndToldWhy) {
    const auto peer = plain();
    ASSERT_TRUE(peer->connect_link(0, poll_.view()).has_value());
    EXPECT_TRUE(until(*peer, [&] { return drops_["failed-handshake"] >= 1 && !peer_notes_.empty(); }));
    EXPECT_NE(peer_notes_.find("--secret-key-file"), std::string::npos) << peer_notes_;
    EXPECT_TRUE(heard_.empty());
    EXPECT_TRUE(sound());
}

TEST_F(SecureTransportTest, AClientInTheClearIsToldOfKeysAlsoByAServerThatIsGoneBeforeItSaysWhatItWants) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address = loopback(poll_);
    address.sin_port = 0;
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener, 8), 0);
    ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
    const auto peer = plain();
    ASSERT_TRUE(
        peer->connect_link(0, "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port))).has_value());
    EXPECT_TRUE(until(*peer, [&] {
        if (const int gone = ::accept(listener, nullptr, nullptr); gone >= 0) ::close(gone);
        return peer_notes_.find("--secret-key-file") != std::string::npos;
    })) << peer_notes_;
    ::close(listener);
}

TEST_F(SecureTransportTest, AServerInTheClearIsNotTrusted) {
    const auto impostor = plain();
    const Url url = *impostor->bind_poll("tcp://127.0.0.1:0");
    const auto slave = client("s1", s1_);
    ASSERT_TRUE(slave->connect_link(0, url.view()).has_value());
    EXPECT_TRUE(until(*slave, [&] {
        impostor->wait(1ms);
        return peer_notes_.find("not trusted") != std::string::npos;
    })) << peer_notes_;
}

TEST_F(SecureTransportTest, RevocationEndsTheConnectionsOfThatKeyOnly) {
    const KeyPair s2 = *generate_keys();
    authorize("s2", s2, AccessRole::slave);
    reread();
    const auto other = client("s2", s2);
    const auto slave = client("s1", s1_);
    for (Transport* peer : {other.get(), slave.get()}) {
        ASSERT_TRUE(peer->connect_link(0, poll_.view()).has_value());
        const NodeId id = node_id(peer == other.get() ? "s2" : "s1");
        ASSERT_TRUE(peer->subscribe_link(0, publish_.view(), heartbeat_.view(), id).has_value());
        ASSERT_TRUE(speaks(*peer, "hello"));
    }
    // What was published before the cut may still be on its way, so words tell before from after.
    std::string word = "before";
    const auto hears = [&](Transport& peer) {
        for (Inbound in; peer.receive(in);) {
            if (in.source == Source::publish && text(in) == word) return true;
        }
        return false;
    };
    const auto publish = [&] { master_->publish(Channel::publish, kRoundTopic, encoded(word)); };
    for (Transport* peer : {other.get(), slave.get()}) {
        ASSERT_TRUE(until(*peer, [&] {
            publish();
            return hears(*peer);
        }));
    }

    revoke("s1");
    reread();
    heard_.clear();
    // Its next handshake is refused, so its connections have ended.
    EXPECT_TRUE(until(*slave, [&] { return drops_["unauthorised-key"] >= 2; }));
    word = "after";
    for (int i = 0; i < 20; ++i) {
        publish();
        Encoded message = encoded("still here");
        static_cast<void>(slave->send(Link{0}, message));
        work(*slave);
        EXPECT_FALSE(hears(*slave));
    }
    EXPECT_TRUE(heard_.empty());
    EXPECT_TRUE(speaks(*other, "me too"));
    EXPECT_TRUE(until(*other, [&] {
        publish();
        return hears(*other);
    }));

    authorize("s1", s1_, AccessRole::slave);
    reread();
    EXPECT_TRUE(speaks(*slave, "back again"));
}

TEST_F(SecureTransportTest, AKeyIsRotatedWithoutAGap) {
    const auto before = client("s1", s1_);
    ASSERT_TRUE(before->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*before, "old key"));
    const KeyPair newer = *generate_keys();
    authorize("s1", newer, AccessRole::slave, "-2");
    reread();
    const auto after = client("s1", newer);
    ASSERT_TRUE(after->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*after, "new key"));
    ASSERT_TRUE(speaks(*before, "old key still"));
    revoke("s1");
    reread();
    EXPECT_TRUE(until(*before, [&] { return drops_["unauthorised-key"] >= 1; }));
    EXPECT_TRUE(speaks(*after, "new key only"));
}

TEST_F(SecureTransportTest, ACandidateWhosePinIsTakenAwayIsLeft) {
    TemporaryDirectory pins;
    ::chmod(pins.path().c_str(), 0755);
    std::ofstream(pins.path() / "m1.key")
        << key_card_text({m1_.public_key, node_id("m1"), AccessRole::candidate});
    TransportOptions options{kClock};
    options.credentials =
        Credentials{node_id("s1"), s1_, KeyDirectory::open(pins.path(), {}, s1_.public_key).value()};
    const auto slave = Transport::create(options).value();
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*slave, "hello"));
    std::filesystem::remove(pins.path() / "m1.key");
    reread(options.credentials->keys, *slave);
    Encoded message = encoded("after");
    EXPECT_FALSE(slave->send(Link{0}, message).ok());
}

TEST_F(SecureTransportTest, AnObserverMayNotSubscribe) {
    const KeyPair observer = *generate_keys();
    authorize("watcher", observer, AccessRole::observer);
    reread();
    const auto peer = client("watcher", observer);
    ASSERT_TRUE(peer->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*peer, "status"));
    EXPECT_EQ(heard_.back().peer->role, AccessRole::observer);
    ASSERT_TRUE(peer->subscribe_link(0, publish_.view(), {}, node_id("s1")).has_value());
    for (int i = 0; i < 300; ++i) {
        work(*peer);
        master_->publish(Channel::publish, kRoundTopic, encoded("round"));
        for (Inbound in; peer->receive(in);) EXPECT_NE(in.source, Source::publish);
    }
}

TEST_F(SecureTransportTest, AFloodIsDroppedThenCutAndTheOthersAreHeard) {
    const auto peer = client("s1", s1_);
    ASSERT_TRUE(peer->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*peer, "hello"));
    EXPECT_TRUE(until(*peer, [&] {
        Encoded message = encoded("flood");
        for (int i = 0; i < 50; ++i) static_cast<void>(peer->send(Link{0}, message));
        return drops_["rate-limited"] > 100 && drops_["flood"] >= 1;
    })) << drops_["rate-limited"];
    EXPECT_NE(notes_.find("cut the connection of s1"), std::string::npos) << notes_;
    EXPECT_TRUE(sound());
}

TEST_F(SecureTransportTest, TooManySubscriptionsEndTheConnection) {
    RawPeer greedy = raw(zmq::socket_type::xsub, s1_, publish_);
    ASSERT_TRUE(until([&] { return greedy.connected() > 0; }));
    for (int i = 0; i <= kMaxSubscriptions; ++i) greedy.send("\1" + std::string(kRoundTopic));
    EXPECT_TRUE(until([&] { return drops_["excess-subscriptions"] >= 1; }));
    EXPECT_TRUE(sound());
}

/// Connections by TCP that say the same bytes each and no more; many more than may be under way at once.
class Crowd {
public:
    Crowd(const Url& url, std::string words) : words_(std::move(words)), address_(loopback(url)) {}
    /// The kernel lets only so many wait to be accepted, so a few more each time.
    void grow() {
        for (int i = 0; i < 16 && sockets_.size() < 8 * kManyHandshakes; ++i) {
            sockets_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            const int fd = sockets_.back().get();
            const int on = 1;
            ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            ::connect(fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
            ::send(fd, words_.data(), words_.size(), MSG_NOSIGNAL);
        }
    }
    std::size_t size() const { return sockets_.size(); }
    /// All have been accepted: libzmq greets them then.
    bool greeted() const {
        char byte = 0;
        return std::all_of(sockets_.begin(), sockets_.end(), [&](const FileDescriptor& socket) {
            return ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
        });
    }

private:
    std::string words_;
    sockaddr_in address_;
    std::vector<FileDescriptor> sockets_;
};

/// More than may be under way for long, all accepted while no transport works.
bool come_at_once(Crowd& crowd) {
    return happens([&] {
        if (crowd.greeted()) crowd.grow();
        return crowd.size() > kManyHandshakes + 50 && crowd.greeted();
    });
}

/// What is no handshake, but as long as one: the greeting of a client with keys, and the beginning of a
/// command that is longer still. libzmq waits for its end.
std::string endless_handshake() {
    std::string words("\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE", 17);
    words.resize(64, '\0');
    words += std::string("\x06\0\0\0\0\0\0\x10\0", 9);
    return words + std::string(1000, 'x');
}

TEST_F(SecureTransportTest, ConnectionsThatGetNowherePushOutEachOtherAndNobodyElse) {
    const auto slave = client("s1", s1_);
    ASSERT_TRUE(slave->connect_link(0, poll_.view()).has_value());
    ASSERT_TRUE(speaks(*slave, "before"));
    for (const std::string& words : {std::string{}, endless_handshake()}) {
        drops_.clear();
        Crowd crowd(poll_, words);
        EXPECT_TRUE(until(*slave,
                          [&] {
                              crowd.grow();
                              master_->tend();
                              return drops_["crowded-handshake"] >= 10;
                          }))
            << words.size() << " bytes: " << drops_["crowded-handshake"];
        EXPECT_TRUE(speaks(*slave, "during"));
        EXPECT_TRUE(sound()) << "a new connection is served while those hold all places";
    }
}

/// The other way round: however many come within the time of a handshake, who is admitted is not cut.
TEST_F(SecureTransportTest, ConnectionsThatAreAdmittedAreNotPushedOut) {
    zmq::context_t context;
    context.set(zmq::ctxopt::max_sockets, 4096);
    std::vector<zmq::socket_t> peers;
    while (peers.size() < kManyHandshakes + 50) {
        for (int i = 0; i < 32; ++i) {
            zmq::socket_t& peer = peers.emplace_back(context, zmq::socket_type::dealer);
            peer.set(zmq::sockopt::linger, 0);
            secure_client(peer, s1_, m1_.public_key);
            peer.connect(poll_.str());
            peer.send(zmq::str_buffer("hello"), zmq::send_flags::dontwait);
        }
        ASSERT_TRUE(until([&] { return heard_.size() >= peers.size(); })) << heard_.size();
    }
    // Nor when all of them are old enough.
    const RawTime end = kClock.now() + kHandshakeGrace;
    until([&] {
        master_->tend();
        return kClock.now() > end;
    });
    EXPECT_EQ(drops_["crowded-handshake"], 0U);
}

/// While the loop of a node stands still nobody is admitted, and then it hears of all that came meanwhile at
/// once.
TEST_F(SecureTransportTest, AHandshakeThatWaitedForTheNodeItselfIsNotPushedOut) {
    RawPeer honest = raw(zmq::socket_type::dealer, s1_, poll_);
    const std::size_t greeting_and_welcome = 64 + 170;
    ASSERT_TRUE(happens([&] { return honest.bytes().received >= greeting_and_welcome; }));
    Crowd crowd(poll_, {});
    ASSERT_TRUE(come_at_once(crowd));
    EXPECT_TRUE(until([&] { return honest.connected() > 0; }));
    EXPECT_EQ(honest.disconnected(), 0);
}

TEST_F(SecureTransportTest, ConnectionsThatGetNowhereArePushedOutAlsoWhenNobodyComesAfterThem) {
    Crowd crowd(poll_, {});
    ASSERT_TRUE(come_at_once(crowd));
    EXPECT_TRUE(until([&] {
        master_->tend();
        return drops_["crowded-handshake"] >= crowd.size() - kManyHandshakes;
    })) << drops_["crowded-handshake"];
}

TEST(RoutingIds, BeginWhereNobodyCanForeseeIt) {
    const auto first_route = [] {
        std::srand(1);  // as in a process that seeds nothing
        const auto server = Transport::create({kClock}).value();
        const auto peer = Transport::create({kClock}).value();
        EXPECT_TRUE(peer->connect_link(0, server->bind_poll("tcp://127.0.0.1:0")->view()).has_value());
        Inbound in;
        const RawTime end = kClock.now() + kPatience;
        while (!server->receive(in) && kClock.now() < end) {
            Encoded message = encoded("hello");
            static_cast<void>(peer->send(Link{0}, message));
            server->wait(1ms);
        }
        return in.route;
    };
    const Route known = 0x6b8b4567;  // what rand() begins with
    const Route one = first_route();
    EXPECT_NE(one, known);
    EXPECT_NE(one, first_route());
}

/// A ROUTER with keys, and nobody who answers for it.
struct SecureServer : testing::Test {
    zmq::context_t context;
    const KeyPair server = *generate_keys();
    const KeyPair peer = *generate_keys();
    zmq::socket_t router{context, zmq::socket_type::router};

    void SetUp() override {
        router.set(zmq::sockopt::linger, 0);
        // A handler that dies with a question in hand never answers it: then this ends the handshake, in the
        // product too.
        router.set(zmq::sockopt::handshake_ivl, 500);
        ASSERT_TRUE(secure_server(router, server).has_value());
        router.bind("tcp://127.0.0.1:0");
    }
};

TEST_F(SecureServer, WhenItsZapHandlerHasDiedNobodyElseGetsIn) {
    const Url url = *Url::from(router.get(zmq::sockopt::last_endpoint));
    {
        ZapHandler handler(context);
        RawPeer first(zmq::socket_type::dealer, peer, server.public_key, url.str());
        const RawTime end = kClock.now() + kPatience;
        while (first.connected() == 0 && kClock.now() < end) {
            if (handler.next() == ZapHandler::Request::sound)
                handler.admit({node_id("s1"), AccessRole::slave});
        }
        ASSERT_EQ(first.connected(), 1) << "while it lives";
        handler.socket().close();
    }
    RawPeer second(zmq::socket_type::dealer, peer, server.public_key, url.str());
    const RawTime end = kClock.now() + kPatience;
    while (second.disconnected() < 3 && kClock.now() < end) {
    }
    EXPECT_GE(second.disconnected(), 3) << "it tried, and was turned away each time";
    EXPECT_EQ(second.connected(), 0);
}

TEST_F(SecureServer, WithoutALivingZapHandlerNobodyGetsIn) {
    zmq::socket_t dealer(context, zmq::socket_type::dealer);
    dealer.set(zmq::sockopt::linger, 0);
    dealer.set(zmq::sockopt::immediate, true);
    secure_client(dealer, peer, server.public_key);
    Socket events;
    open_monitor(context, dealer, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
                 events);
    dealer.connect(router.get(zmq::sockopt::last_endpoint));
    events.socket.set(zmq::sockopt::rcvtimeo, 10'000);
    zmq::message_t frame;
    ASSERT_TRUE(events.socket.recv(frame).has_value());
    std::uint16_t type = 0;
    std::memcpy(&type, frame.data(), sizeof type);
    EXPECT_EQ(type, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
}

}  // namespace
}  // namespace berkeley
