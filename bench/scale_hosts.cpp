// The hosts of `berkeley-bench scale`: processes that hold N slaves each, the product's own and
// bare echoes.

#include <memory>
#include <utility>

#include "bench/bare_zmq.hpp"
#include "bench/crowd.hpp"
#include "bench/peer.hpp"
#include "net/transport.hpp"
#include "slave/interpreter.hpp"
#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

/// Timers of N nodes are looked through no more often: they are for greetings and silence.
constexpr Duration kTimerGrain = std::chrono::milliseconds{20};

class SlaveHost;

/// A slave as its program runs it, SlaveNode behind the Interpreter, over the sockets of the crowd.
/// It has no files, log or clock page of its own.
class Member final : public Ports {
public:
    Member(SlaveHost& host, std::size_t number, const Url& master);

    template <class Do>
    void step(Do&& what) {
        Actions actions;
        what(node_, actions);
        interpreter_.carry_out(actions);
    }
    RawTime next_deadline() const { return node_.next_deadline(); }

    RouteSend send(Route, const Message&, bool) override { return {}; }
    void send(Link link, const Message& message) override;
    void publish(Channel, const Message&) override {}
    void connect(Link link, const Url& poll) override;
    void subscribe(Link link, const Url& publish, const Url& heartbeat) override;
    void drop(Link) override {}
    void publish_clock() override {}
    Saved save() override { return {}; }
    void save_learned() override {}
    void tell(const Event& event) override;
    RawTime now() override;
    bool slept() override { return false; }

private:
    SlaveHost& host_;
    std::size_t number_;
    SlaveNode node_;
    Interpreter interpreter_;
    Encoded encoded_;
};

class SlaveHost final : public Crowd {
public:
    SlaveHost(std::size_t size, const Url& master) : Crowd(size), master_(master) {}
    using Crowd::count_correction;

private:
    void begin(std::size_t member) override {
        members_.push_back(std::make_unique<Member>(*this, member, master_));
        members_.back()->step([&](Node& node, Actions& out) { node.start(clock().now(), out); });
    }

    void on_message(const Arrival& arrival) override {
        if (decode(arrival.payload, bench_cluster(), message_)) return;
        const Via via = arrival.side == Side::dealer ? Via::dealer : Via::publish;
        members_[arrival.member]->step(
            [&](Node& node, Actions& out) { node.on_link_message(0, via, message_, arrival.at, out); });
    }

    RawTime on_timer(RawTime now) override {
        RawTime next = RawTime::max();
        for (const auto& member : members_) {
            if (member->next_deadline() <= now)
                member->step([&](Node& node, Actions& out) { node.on_timer(now, out); });
            next = std::min(next, member->next_deadline());
        }
        return std::max(next, now + kTimerGrain);
    }

    Url master_;
    std::vector<std::unique_ptr<Member>> members_;  ///< those that have begun
    Message message_;
};

SlaveCoreOptions core_options(std::size_t number, const Url& master) {
    SlaveCoreOptions options;
    options.cluster = bench_cluster();
    options.id = node_id(member_name(number));
    options.masters = {master};
    return options;
}

Member::Member(SlaveHost& host, std::size_t number, const Url& master)
    : host_(host),
      number_(number),
      node_(core_options(number, master), Prng{number + 1}, host.clock().now(),
            ClusterTime{std::chrono::hours{24}}, SavedRate{}),
      interpreter_(node_, *this) {
    // One voter, the master: so that its lease does not hang on how fast this one loop is.
    node_.slave().elector().disable();
}

// The crowd has one link a member, which is the master's.
void Member::send(Link link, const Message& message) {
    if (link != 0) return;
    encode(message, encoded_);
    if (encoded_.stamp_at != 0) patch_stamp(encoded_, now());
    host_.send(number_, encoded_.bytes);
}

void Member::connect(Link link, const Url& poll) {
    if (link == 0) host_.connect(number_, poll.view());
}

void Member::subscribe(Link link, const Url& publish, const Url&) {
    if (link == 0 && !publish.empty())
        host_.subscribe(number_, publish.view(), correction_topic(node_.slave().options().id));
}

void Member::tell(const Event& event) {
    const auto* correction = std::get_if<CorrectionEvent>(&event);
    if (correction == nullptr || correction->applied == Applied::refused) return;
    host_.count_correction(correction->round, now());
}

RawTime Member::now() { return host_.clock().now(); }

class EchoHost final : public Crowd {
public:
    EchoHost(std::size_t size, std::string poll, std::string publish)
        : Crowd(size), poll_(std::move(poll)), publish_(std::move(publish)) {}

private:
    void begin(std::size_t member) override {
        connect(member, poll_);
        subscribe(member, publish_, correction_topic(node_id(member_name(member))));
        greeted_.push_back(false);
    }

    /// What comes begins with a number: a round's, or one that the answer brings back.
    void on_message(const Arrival& arrival) override {
        if (arrival.side == Side::dealer) {
            send(arrival.member, answer_(arrival.payload, {}));
        } else if (arrival.topic != kRoundTopic) {
            count_correction(number_of(arrival.payload), arrival.at);
        }
    }

    /// An empty message brings the routing id, once there is a connection for it.
    RawTime on_timer(RawTime now) override {
        bool all = begun() == size();
        for (std::size_t i = 0; i < begun(); ++i) {
            if (!greeted_[i]) greeted_[i] = send(i, {});
            all = all && greeted_[i];
        }
        return all ? RawTime::max() : now + kTimerGrain;
    }

    std::string poll_;
    std::string publish_;
    std::vector<bool> greeted_;
    Answer answer_ = echo();
};

}  // namespace

/// How many, and the master's poll endpoint: the rest is told by WELCOME, as slaves are.
int run_slave_host(const Words& words) {
    raise_file_limit();
    SlaveHost(std::stoul(words.at(0)), Url::from(words.at(1)).value()).run();
    return 1;
}

/// How many, and both endpoints.
int run_echo_host(const Words& words) {
    raise_file_limit();
    EchoHost(std::stoul(words.at(0)), words.at(1), words.at(2)).run();
    return 1;
}

}  // namespace berkeley::bench
