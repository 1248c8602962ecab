// What a peer that is broken or malicious can send, against the real programs: it is counted by reason, and
// the honest nodes stay synchronised.

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/integration/fake_slave.hpp"
#include "tests/integration/process.hpp"
#include "wire/codec.hpp"

namespace berkeley::test {
namespace {

std::uint64_t drops(const Process& process, const std::string& reason) {
    std::uint64_t sum = 0;
    for (const Json& e : process.events()) {
        if (is(e, "dropped") && e["reason"] == reason) sum += e["count"].get<std::uint64_t>();
    }
    return sum;
}
bool dropped(const Process& process, const std::string& reason) { return drops(process, reason) > 0; }

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

class Hostile : public ::testing::Test {
protected:
    Hostile() : m1_(cluster_.master("m1")), s1_(cluster_.slave("s1")) {
        for (const char* id : {"s2", "s3", "s4"}) cluster_.slave(id);
        EXPECT_TRUE(cluster_.wait_agreement(honest_));
    }

    void expect_still_synchronized() {
        EXPECT_TRUE(cluster_.wait_agreement(honest_));
        cluster_.expect_bounded(honest_);
        EXPECT_EQ(find(m1_, "exit"), nullptr);
        for (const Json& e : s1_.events())
            EXPECT_FALSE(is(e, "status") && e["status"] != "SYNCHRONIZED") << e.dump();
    }

    Cluster cluster_;
    const std::vector<std::string> honest_{"m1", "s1", "s2", "s3", "s4"};
    Process& m1_;
    Process& s1_;
};

TEST_F(Hostile, GarbageOnThePollEndpointIsDroppedByReason) {
    FakeSlave peer("evil", cluster_.url("m1"));
    Encoded foreign;
    encode({{node_id("elsewhere"), node_id("evil"), 0}, Hello{}}, foreign);
    Encoded cut;
    encode({{node_id("default"), node_id("evil"), 0}, Hello{}}, cut);
    cut.bytes.pop_back();
    struct Case {
        const char* name;
        const char* reason;
        std::vector<std::byte> bytes;
    };
    const std::vector<Case> cases{
        {"an array of 2^32 - 1 elements", "malformed", bytes_of({0xdd, 0xff, 0xff, 0xff, 0xff})},
        {"a HELLO that is cut short", "malformed", cut.bytes},
        {"no bytes", "malformed", {}},
        {"another cluster", "foreign-cluster", foreign.bytes},
        {"another version", "version", bytes_of({0x95, 99, 1, 0xa1, 'c', 0xa1, 's', 0})},
    };
    for (const Case& c : cases) {
        // Sent once and counted once: cases that share a reason do not vouch for each other.
        const std::uint64_t before = drops(m1_, c.reason);
        ASSERT_TRUE(cluster_.wait_for([&] { return peer.send_bytes(c.bytes); })) << c.name;
        EXPECT_TRUE(cluster_.wait_for([&] { return drops(m1_, c.reason) > before; })) << c.name;
        EXPECT_EQ(drops(m1_, c.reason), before + 1) << c.name;
    }
    expect_still_synchronized();
}

TEST_F(Hostile, LiarBy10SecondsIsNamedAndTheOthersDoNotMove) {
    FakeSlave liar("liar", cluster_.url("m1"));
    const auto names_liar = [](const Json& e) {
        return std::find(e["outliers"].begin(), e["outliers"].end(), "liar") != e["outliers"].end();
    };
    std::size_t named = 0;
    EXPECT_TRUE(cluster_.wait_for([&] {
        liar.step([&](const Poll&, Reply reply, Term term) {
            reply.map.anchor_cluster += seconds{10};
            liar.say(reply, term);
        });
        named = 0;
        for (const Json& e : m1_.events()) named += is(e, "round") && names_liar(e) ? 1U : 0U;
        return named >= 8;
    }));
    for (const Json& e : m1_.events()) {
        if (!is(e, "round") || !names_liar(e)) continue;
        EXPECT_LT(std::abs(e["average_ns"].get<std::int64_t>()), 1'000'000) << e.dump();
        for (const auto& [id, peer] : e["peers"].items()) {
            // On a loaded machine an honest clock may be named too, off by more than its measurement: by
            // microseconds.
            if (id == "liar") continue;
            EXPECT_LT(std::abs(peer["correction_ns"].get<std::int64_t>()), 1'000'000) << e.dump();
        }
    }
    expect_still_synchronized();
}

TEST_F(Hostile, RepliesThatCannotBeTrueAreDroppedByReason) {
    struct Case {
        const char* reason;
        std::function<void(FakeSlave&, Reply, Term)> answer;
    };
    const std::vector<Case> cases{
        {"duplicate-reply",
         [](FakeSlave& s, Reply r, Term t) {
             s.say(r, t);
             s.say(r, t);
         }},
        {"unexpected-reply",
         [](FakeSlave& s, Reply r, Term t) {
             r.token ^= 2;
             s.say(r, t);
         }},
        {"generation",
         [](FakeSlave& s, Reply r, Term t) {
             ++r.generation;
             s.say(r, t);
         }},
        {"impossible-stamps",
         [](FakeSlave& s, Reply r, Term t) {
             r.t2 += seconds{5};
             s.say(r, t);
         }},
        {"impossible-residence",
         [](FakeSlave& s, Reply r, Term t) {
             r.t2 -= seconds{5};
             s.say(r, t);
         }},
    };
    for (const Case& c : cases) {
        FakeSlave slave(std::string("fake-") + c.reason, cluster_.url("m1"));
        EXPECT_TRUE(cluster_.wait_for([&] {
            slave.step([&](const Poll&, const Reply& reply, Term term) { c.answer(slave, reply, term); });
            return dropped(m1_, c.reason);
        })) << c.reason;
        slave.say(Bye{FakeSlave::kGeneration});
    }
    expect_still_synchronized();
}

TEST_F(Hostile, ALateReplyIsDroppedAndMeasuresNothing) {
    FakeSlave slave("tardy", cluster_.url("m1"));
    std::optional<Reply> kept;
    EXPECT_TRUE(cluster_.wait_for([&] {
        // Each probe is answered when the next one has come: its deadline has passed by then.
        slave.step([&](const Poll&, const Reply& reply, Term term) {
            if (kept) slave.say(*kept, term);
            kept = reply;
        });
        return drops(m1_, "late-reply") >= 3;
    }));
    for (const Json& e : m1_.events())
        EXPECT_FALSE(is(e, "round") && e["peers"].contains("tardy")) << e.dump();
    expect_still_synchronized();
}

TEST_F(Hostile, StrangersMayNotSpeakAsMaster) {
    // A master of the same cluster on a socket that nobody named: it can only reach those who connect to it.
    const auto rogue = make_transport();
    ASSERT_TRUE(rogue->bind_poll(cluster_.url("rogue")));
    ASSERT_TRUE(rogue->bind_publish(Channel::publish, cluster_.url("rogue", "publish")));
    Process& victim = cluster_.slave("s5", {"--master", cluster_.url("rogue")});
    const auto followed = [](const Json& e) { return e["term"] == 1; };
    ASSERT_TRUE(cluster_.wait_for([&] { return find(victim, "correction", followed) != nullptr; }));
    // It polls with the term of the real master: the slave already follows that one.
    std::optional<Route> route;
    EXPECT_TRUE(cluster_.wait_for([&] {
        rogue->wait(milliseconds{20});
        Inbound in;
        while (rogue->receive(in)) route = in.route;
        if (route) {
            Encoded encoded;
            encode({{node_id("default"), node_id("rogue"), 1}, Poll{1, 0, 5}}, encoded);
            static_cast<void>(rogue->send(*route, encoded));
        }
        return dropped(victim, "not-leader");
    }));
    expect_still_synchronized();
}

/// A master by hand, for one slave that knows no other.
class FakeMaster {
public:
    explicit FakeMaster(const Cluster& cluster) : transport_(make_transport()) {
        info_.id = node_id("rogue");
        info_.poll = *Url::from(cluster.url("rogue"));
        info_.publish = *Url::from(cluster.url("rogue", "publish"));
        info_.heartbeat = *Url::from(cluster.url("rogue", "heartbeat"));
        EXPECT_TRUE(transport_->bind_poll(info_.poll.view()));
        EXPECT_TRUE(transport_->bind_publish(Channel::publish, info_.publish.view()));
        EXPECT_TRUE(transport_->bind_publish(Channel::heartbeat, info_.heartbeat.view()));
    }
    /// Polls, and hands each reply's round and the correction that it is due to `correct`.
    void step(const std::function<void(const Correction&)>& correct) {
        transport_->wait(milliseconds{20});
        Inbound in;
        Message message;
        while (transport_->receive(in)) {
            if (decode(in.payload, node_id("default"), message)) continue;
            if (const auto* hello = std::get_if<Hello>(&message.body)) {
                Welcome welcome;
                welcome.generation = hello->generation;
                welcome.role = Role::master;
                welcome.leader = info_.id;
                welcome.interval = milliseconds{250};
                welcome.candidates = {info_};
                send(in.route, welcome);
                route_ = in.route;
            } else if (const auto* reply = std::get_if<Reply>(&message.body);
                       reply && reply->round == round_) {
                Correction correction;
                correction.round = round_;
                correction.target = message.header.sender;
                correction.generation = reply->generation;
                correction.basis_term = reply->applied_term;
                correction.basis_round = reply->applied_round;
                correction.measured_at = reply->t3;
                correction.correction = milliseconds{1};
                correction.bound = milliseconds{5};
                correct(correction);
            }
        }
        if (route_) send(*route_, Poll{++round_, 0, round_});
    }
    void publish(const Correction& correction) {
        Encoded encoded;
        const Message message{{node_id("default"), info_.id, 1}, correction};
        encode(message, encoded);
        transport_->publish(Channel::publish, topic_of(false, message), encoded);
    }

private:
    void send(Route route, Body body) {
        Encoded encoded;
        encode({{node_id("default"), info_.id, 1}, std::move(body)}, encoded);
        static_cast<void>(transport_->send(route, encoded));
    }

    std::unique_ptr<Transport> transport_;
    CandidateInfo info_;
    std::optional<Route> route_;
    Round round_ = 0;
};

TEST_F(Hostile, CorrectionsThatComeTwiceOrAgainLaterAreAppliedOnce) {
    FakeMaster rogue(cluster_);
    Process& victim = cluster_.slave("s5", {}, "rogue");
    std::vector<Correction> sent;
    const auto applied = [&] {
        std::map<Round, int> rounds;
        for (const Json& e : victim.events()) {
            if (is(e, "correction")) ++rounds[e["round"].get<Round>()];
        }
        return rounds;
    };
    EXPECT_TRUE(cluster_.wait_for([&] {
        rogue.step([&](const Correction& correction) {
            sent.push_back(correction);
            // This one twice, and then everything that was ever said.
            rogue.publish(correction);
            for (const Correction& old : sent) rogue.publish(old);
        });
        return applied().size() >= 10 && dropped(victim, "old-round");
    }));
    for (const auto& [round, times] : applied()) EXPECT_EQ(times, 1) << "round " << round;
    expect_still_synchronized();
}

}  // namespace
}  // namespace berkeley::test
