// Attacks on a secured cluster of real processes: what hostile input and hostile load can do. Those with a
// key are members gone bad: they lose their own place, and nobody else does.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <fstream>
#include <thread>

#include "base/endpoint.hpp"
#include "os/file_descriptor.hpp"
#include "tests/integration/secured_cluster.hpp"
#include "tests/raw_peer.hpp"
#include "wire/codec.hpp"

namespace berkeley::test {
namespace {

constexpr std::int64_t kMebi = 1024;      // in KiB
constexpr std::int64_t kEnd = INT64_MAX;  // the year 2262

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Connections that say nothing, as many as the kernel takes without waiting.
class SilentCrowd {
public:
    explicit SilentCrowd(const std::string& url) {
        address_.sin_family = AF_INET;
        address_.sin_port = htons(parse_endpoint(url, EndpointUse::connect)->port);
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    void grow(std::size_t most) {
        for (int i = 0; i < 64 && sockets_.size() < most; ++i) {
            sockets_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            ::connect(sockets_.back().get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
        }
    }
    std::size_t size() const { return sockets_.size(); }

private:
    sockaddr_in address_{};
    std::vector<FileDescriptor> sockets_;
};

/// A way to an endpoint over which connections can be broken as a failing machine breaks them.
class Relay {
public:
    explicit Relay(const std::string& url) : target_(local(parse_endpoint(url, EndpointUse::connect)->port)) {
        sockaddr_in any = local(0);
        socklen_t size = sizeof any;
        EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), size), 0);
        EXPECT_EQ(::listen(listener_.get(), 8), 0);
        EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
        url_ = "tcp://127.0.0.1:" + std::to_string(ntohs(any.sin_port));
        // At once, or no burst of probes would be worth its name.
        thread_ = std::thread([this] {
            while (!stop_) pump();
        });
    }
    ~Relay() {
        stop_ = true;
        thread_.join();
    }
    const std::string& url() const { return url_; }

    /// Ends all connections with a reset to both sides.
    void reset() { reset_ = true; }
    /// Those that were ended so.
    std::size_t resets() const { return resets_; }

private:
    using Pair = std::pair<FileDescriptor, FileDescriptor>;

    void pump() {
        std::vector<pollfd> ready{{listener_.get(), POLLIN, 0}};
        for (const Pair& pair : pairs_) {
            for (const FileDescriptor* side : {&pair.first, &pair.second})
                ready.push_back({side->get(), POLLIN, 0});
        }
        ::poll(ready.data(), ready.size(), 1);
        if (reset_.exchange(false)) end_all();
        for (int fd = accept(); fd >= 0; fd = accept()) {
            FileDescriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            EXPECT_EQ(::connect(out.get(), reinterpret_cast<const sockaddr*>(&target_), sizeof target_), 0);
            pairs_.emplace_back(FileDescriptor(fd), std::move(out));
        }
        std::erase_if(pairs_, [](const Pair& pair) {
            return !pass(pair.first, pair.second) || !pass(pair.second, pair.first);
        });
    }
    void end_all() {
        const linger at_once{1, 0};
        for (const Pair& pair : pairs_) {
            for (const FileDescriptor* side : {&pair.first, &pair.second}) {
                EXPECT_EQ(::setsockopt(side->get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
            }
        }
        resets_ += pairs_.size();
        pairs_.clear();
    }
    static sockaddr_in local(int port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return address;
    }
    int accept() { return ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC); }
    /// False: that end is gone.
    static bool pass(const FileDescriptor& from, const FileDescriptor& to) {
        std::array<char, 65536> bytes;
        const ssize_t size = ::recv(from.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (size < 0) return errno == EAGAIN;
        return size > 0 &&
               ::send(to.get(), bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
    }

    FileDescriptor listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in target_;
    std::string url_;
    std::vector<Pair> pairs_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> reset_{false};
    std::atomic<std::size_t> resets_{0};
    std::thread thread_;
};

class Attack : public Secured {
protected:
    using Secured::Secured;
    RawPeer raw(zmq::socket_type type, const Credentials& own, const std::string& url,
                int receive_limit = 1000) const {
        return {type, own.own, own.keys.ring()->pins().front().key, url, receive_limit};
    }
    void member_gone_bad() { make_key("eve", AccessRole::slave); }
    bool is_member(const std::string& id) const {
        bool member = false;
        for (const Json& e : m1_->events()) {
            if (is(e, "member") && e["id"] == id) member = e["change"] == "joined";
        }
        return member;
    }
};

TEST_F(Attack, TwoThousandSilentConnections) {
    SilentCrowd crowd(poll_);
    EXPECT_TRUE(cluster_.wait_for([&] {
        crowd.grow(2000);
        return crowd.size() == 2000 && dropped("crowded-handshake");
    }));
    // While they last a new node is served.
    make_key("s5", AccessRole::slave);
    Process& s5 = start_slave("s5");
    EXPECT_TRUE(cluster_.wait_for([&] { return find(s5, "correction") != nullptr; }));
    expect_still_synchronized();
    EXPECT_LT(master_kib(), 200 * kMebi);
}

TEST_F(Attack, AFloodOfHellosEndsTheFloodersConnection) {
    member_gone_bad();
    const auto eve = fake("eve");
    EXPECT_TRUE(cluster_.wait_for([&] {
        for (int i = 0; i < 2000; ++i) {
            Hello hello;
            hello.generation = static_cast<Generation>(i);
            eve->say(hello);
        }
        eve->step([](const Poll&, const Reply&, Term) {});
        return dropped("rate-limited", 1000) && dropped("flood");
    }));
    EXPECT_TRUE(contains(m1_->log(), "cut the connection of eve"));
    expect_still_synchronized();
}

TEST_F(Attack, ThirtyConnectionsOfOneKeyAreNoMoreThanOne) {
    member_gone_bad();
    const Credentials own = credentials("eve");
    std::deque<RawPeer> crowd;
    for (int i = 0; i < 30; ++i) {
        crowd.emplace_back(zmq::socket_type::dealer, own.own, own.keys.ring()->pins().front().key, poll_);
    }
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(cluster_.wait_for([&] {
        for (RawPeer& eve : crowd) {
            for (int i = 0; i < 100; ++i) eve.send("flood");
        }
        return dropped("flood", 20) && dropped("admission-limit");
    }));
    // What was let through is garbage, and no more of it than one connection may send.
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
    EXPECT_LE(static_cast<double>(drops("malformed")), 1000 + 4000 * time.count());
    expect_still_synchronized();
}

TEST_F(Attack, AForeignMessageToAPublisherTakesNobodysCorrectionsAway) {
    member_gone_bad();
    make_key("s5", AccessRole::slave);
    const Credentials own = credentials("eve");
    RawPeer eve(zmq::socket_type::xsub, own.own, own.keys.ring()->pins().front().key, publish_);
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve.send("no subscription");
        return dropped("malformed-subscription", 3);
    }));
    // Nor from one that comes meanwhile.
    Process& s5 = start_slave("s5");
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve.send("no subscription");
        return find(s5, "correction") != nullptr;
    }));
    expect_still_synchronized();
}

TEST_F(Attack, OversizeMessagesEndTheConnection) {
    member_gone_bad();
    RawPeer eve = raw(zmq::socket_type::dealer, credentials("eve"), poll_);
    const std::string huge(1'000'000, 'x');
    // It comes in five times, so four times it was cut before.
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve.send(huge);
        return eve.connected() >= 5;
    })) << eve.connected();
    EXPECT_GE(eve.disconnected(), 4);
    expect_still_synchronized();
    EXPECT_LT(master_kib(), 200 * kMebi);
}

TEST_F(Attack, AMessageThatDoesNotEndEndsItsConnection) {
    member_gone_bad();
    // libzmq hands out whole messages only: nobody but the kernel sees how much has come of these. They would
    // end, since libzmq sends nothing of one either before it has an end; without keys, a unit test has one
    // that does not.
    const auto attack = [&](zmq::socket_type type, const std::string& url, std::size_t frame_size,
                            std::uint64_t count) {
        RawPeer eve = raw(type, credentials("eve"), url);
        const std::string frame(frame_size, 'x');
        EXPECT_TRUE(cluster_.wait_for([&] { return eve.connected() > 0; })) << url;
        EXPECT_TRUE(cluster_.wait_for([&] {
            for (std::size_t sent = 0; sent < 100'000'000; sent += frame_size) eve.send(frame, true);
            eve.send("end");
            return dropped("endless-message", count);
        })) << url;
    };
    attack(zmq::socket_type::dealer, poll_, 30'000, 1);
    attack(zmq::socket_type::xsub, publish_, 900, 2);
    expect_still_synchronized();
    EXPECT_LT(master_kib(), 200 * kMebi);
}

TEST_F(Attack, ManyFramesAreOneDroppedMessage) {
    member_gone_bad();
    RawPeer eve = raw(zmq::socket_type::dealer, credentials("eve"), poll_);
    EXPECT_TRUE(cluster_.wait_for([&] {
        for (int i = 0; i < 5000; ++i) eve.send("x", i != 4999);
        return dropped("extra-frames");
    }));
    expect_still_synchronized();
}

TEST_F(Attack, BytesThatExplodeAreDroppedByReason) {
    member_gone_bad();
    const auto eve = fake("eve");
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve->step([](const Poll&, const Reply&, Term) {});
        return eve->welcomed();
    }));
    const auto bytes = [](std::initializer_list<int> values) {
        std::vector<std::byte> result;
        for (const int value : values) result.push_back(static_cast<std::byte>(value));
        return result;
    };
    const auto many = [](int value) { return std::vector<std::byte>(30'000, static_cast<std::byte>(value)); };
    struct Case {
        const char* what;
        std::vector<std::byte> message;
    };
    const std::vector<Case> cases{
        {"four billion elements", bytes({0xdd, 0xff, 0xff, 0xff, 0xff})},
        {"four gigabytes", bytes({0xc6, 0xff, 0xff, 0xff, 0xff})},
        {"30,000 arrays in each other", many(0x91)},
        {"30,000 maps in each other", many(0x81)},
        {"nothing", {}},
    };
    for (const Case& c : cases) {
        const std::uint64_t before = drops("malformed");
        std::uint64_t sent = 0;
        EXPECT_TRUE(cluster_.wait_for([&] {
            if (sent < 25 && eve->send_bytes(c.message)) ++sent;
            return drops("malformed") >= before + 25;
        })) << c.what
            << ": " << drops("malformed") - before << " of " << sent;
        EXPECT_EQ(drops("malformed"), before + sent) << c.what;
    }
    EXPECT_LT(master_kib(), 100 * kMebi);
    expect_still_synchronized();
}

TEST_F(Attack, ASubscriberThatStopsReadingCostsItsOwnMessages) {
    member_gone_bad();
    // One message at most waits at its side, and it never takes even that.
    RawPeer eve = raw(zmq::socket_type::sub, credentials("eve"), publish_, 1);
    RawPeer deaf = raw(zmq::socket_type::sub, credentials("eve"), heartbeat_, 1);
    const std::int64_t before = master_kib();
    std::size_t rounds = 0;
    EXPECT_TRUE(cluster_.wait_for([&] {
        rounds = 0;
        for (const Json& e : m1_->events()) rounds += is(e, "round") ? 1U : 0U;
        return rounds >= 40;
    }));
    EXPECT_LT(master_kib() - before, 20 * kMebi);
    expect_still_synchronized();
}

TEST_F(Attack, ConnectionsThatAreResetInTheMiddleOfABurst) {
    member_gone_bad();
    Relay relay(poll_);
    FakeSlave eve("eve", relay.url(), credentials("eve"));
    EXPECT_TRUE(cluster_.wait_for([&] {
        bool enough = false;
        eve.step([&](const Poll& poll, const Reply& reply, Term term) {
            // Its last replies are on their way when the connection goes, and the master's next probes, too.
            eve.say(reply, term);
            enough = enough || poll.probe >= 2;
        });
        if (enough) relay.reset();
        eve.hello();  // over the next connection it has to greet again
        return relay.resets() >= 4;
    })) << relay.resets();
    // And it is let in again.
    EXPECT_TRUE(cluster_.wait_for([&] {
        bool polled = false;
        eve.step([&](const Poll&, const Reply&, Term) { polled = true; });
        eve.hello();
        return polled;
    }));
    expect_still_synchronized();
}

TEST_F(Attack, AMemberThatNeverRepliesOrRepliesWithLiesLosesItsOwnPlace) {
    member_gone_bad();
    const auto eve = fake("eve");
    // Greets, is welcomed, and says no more.
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve->step([](const Poll&, const Reply&, Term) {});
        return is_member("eve");
    }));
    EXPECT_TRUE(cluster_.wait_for([&] {
        eve->step([](const Poll&, const Reply&, Term) {});
        return !is_member("eve");
    }));
    // Replies to probes that were not sent, and the same again.
    const auto liar = fake("eve");
    EXPECT_TRUE(cluster_.wait_for([&] {
        liar->step([&](const Poll&, const Reply& reply, Term term) {
            Reply invented = reply;
            invented.token += 1;
            liar->say(invented, term);
            liar->say(reply, term);
            liar->say(reply, term);
        });
        return dropped("unexpected-reply", 3) && dropped("duplicate-reply", 3);
    }));
    expect_still_synchronized();
}

TEST_F(Attack, TimesOutOfRangeMoveNobody) {
    member_gone_bad();
    const auto eve = fake("eve");
    const std::vector<std::function<void(Reply&)>> tricks{
        [](Reply& r) {
            r.t2 = RawTime{Duration{kEnd}};
            r.t3 = RawTime{Duration{kEnd}};
        },
        [](Reply& r) {
            r.t2 = RawTime{Duration{INT64_MIN}};
            r.t3 = RawTime{Duration{INT64_MIN}};
        },
        [](Reply& r) { r.map.anchor_cluster = ClusterTime{Duration{kEnd}}; },
        [](Reply& r) { r.map.anchor_cluster = ClusterTime{Duration{-kEnd}}; },
        [](Reply& r) { r.map.anchor_raw = RawTime{Duration{INT64_MIN}}; },
        [](Reply& r) { r.map.rate_ppb = kRateMaxPpb; },
        [](Reply& r) { r.bound = Duration{kDurationMax}; },
        [](Reply& r) {
            r.applied_term = UINT64_MAX;
            r.applied_round = UINT64_MAX;
        },
    };
    std::size_t replies = 0;
    int steps = 0;
    EXPECT_TRUE(cluster_.wait_for(
        [&] {
            // Whose replies are worth nothing is no member any more, and comes again.
            if (++steps % 20 == 0) eve->hello();
            eve->step([&](const Poll&, Reply reply, Term term) {
                tricks[replies++ / 8 % tricks.size()](reply);
                eve->say(reply, term);
            });
            return replies >= 8 * tricks.size();
        },
        seconds{60}));
    for (const Json& e : m1_->events()) {
        if (!is(e, "round")) continue;
        EXPECT_LT(std::abs(e["average_ns"].get<std::int64_t>()), 1'000'000) << e.dump();
    }
    expect_still_synchronized();
}

class FewFiles : public Attack {
protected:
    FewFiles() : Attack({}, {"/bin/sh", "-c", "ulimit -n 160 && exec \"$0\" \"$@\""}) {}
};

TEST_F(FewFiles, WhenDescriptorsRunOutNewConnectionsAreCutAndTheOldOnesLive) {
    SilentCrowd crowd(heartbeat_);
    EXPECT_TRUE(cluster_.wait_for([&] {
        crowd.grow(300);
        return crowd.size() == 300 && dropped("file-limit");
    }));
    expect_still_synchronized();
    EXPECT_FALSE(contains(m1_->log(), "Too many open files")) << "its own files can still be opened";
}

class CrowdedMaster : public Attack {
protected:
    CrowdedMaster() : Attack({"--max-members", "5"}) {}
};

TEST_F(CrowdedMaster, MembersBeyondTheLimitAreRefusedInPlainWords) {
    for (const char* id : {"s5", "s6"}) make_key(id, AccessRole::slave);
    Process& fifth = start_slave("s5");
    EXPECT_TRUE(cluster_.wait_for([&] { return find(fifth, "correction") != nullptr; }));
    Process& sixth = start_slave("s6");
    EXPECT_TRUE(cluster_.wait_for(
        [&] { return dropped("roster-full") && contains(sixth.log(), "the roster is full"); }));
    EXPECT_EQ(find(sixth, "correction"), nullptr);
    expect_still_synchronized();
}

}  // namespace
}  // namespace berkeley::test
