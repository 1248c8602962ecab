// A candidate ("m1") and a slave ("s1") in a world of peers that a fuzzer plays: what the nodes do is
// checked, and kept so that the next messages can echo it. Everything follows from the calls: the same ones
// give the same digest().
//
// What must hold whatever comes: what a node sends is well-formed; a term is voted in once, and the vote is
// saved before it is given; terms never fall; rosters, committees, links and actions keep their bounds;
// timers come to rest.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include "master/candidate_node.hpp"
#include "slave/interpreter.hpp"
#include "tests/fuzz/message_maker.hpp"
#include "wire/codec.hpp"

namespace berkeley::fuzz {

inline constexpr std::size_t kFewMembers = 8;

/// Requires nothing of the reader but the line.
inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "core_fuzz: violated: %s\n", what);
    std::abort();
}

class CoreWorld {
public:
    enum class Who : std::uint8_t { candidate, slave };

    CoreWorld()
        : cluster_(*ClusterName::from("lab")),
          candidate_node_(candidate_options(), Prng{1}, now_, ClusterTime{std::chrono::hours{24}}, {}),
          slave_node_(slave_options("s1"), Prng{2}, now_, ClusterTime{std::chrono::hours{25}}, {}) {
        candidate_.start(now_, out_);
        carry_out(Who::candidate);
        slave_.start(now_, out_);
        carry_out(Who::slave);
    }

    void pass(Duration time) { now_ += time; }

    void run_timers() {
        run_timers(
            Who::candidate, [this] { candidate_.on_timer(now_, out_); },
            [this] { return candidate_.next_deadline(); });
        run_timers(
            Who::slave, [this] { slave_.on_timer(now_, out_); }, [this] { return slave_.next_deadline(); });
    }

    void to_route(Route route, const Message& message) {
        cause_ = message.header.sender;
        candidate_.on_route_message(route, message, now_, out_);
        carry_out(Who::candidate);
    }
    void to_link(Who who, Link link, Via via, const Message& message) {
        cause_ = message.header.sender;
        if (who == Who::candidate) {
            candidate_.on_link_message(link, via, message, now_, out_);
        } else {
            slave_.on_message(link, via, message, now_, out_);
        }
        carry_out(who);
    }
    void unreachable(Route route) {
        candidate_.on_unreachable(route, out_);
        carry_out(Who::candidate);
    }
    void disrupt(Who who) {
        node(who).disrupt("fuzz", out_);
        carry_out(who);
    }
    void stop_voting(Who who) {
        node(who).stop_voting("fuzz", out_);
        carry_out(who);
    }
    void finish() {
        candidate_.stop(now_, out_);
        carry_out(Who::candidate);
        slave_.stop(out_);
        carry_out(Who::slave);
    }

    /// Peers 2 to 2 + `peers` - 1 greet the candidate where it does not know them, and answer all that it has
    /// asked.
    void honest_peers(std::size_t peers) {
        for (std::size_t peer = 2; peer < 2 + peers; ++peer) {
            if (!candidate_.master().roster().members().contains(peer_name(peer))) greet(peer);
        }
        for (int turn = 0; turn < 6 && !asked_.empty(); ++turn) {
            now_ += std::chrono::microseconds{50};
            for (const auto& [route, message] : std::exchange(asked_, {})) answer(route, message, 2 + peers);
        }
        asked_.clear();
    }

    /// "m2" leads a node in `term`: welcomes it, is heard, polls it, and corrects it by `correction`.
    void lead(Who who, Link link, Term term, Duration correction) {
        const auto from_leader = [&](Body body) {
            return Message{{cluster_, peer_name(2), term}, std::move(body)};
        };
        const SlaveCore& led = node(who);
        to_link(who, link, Via::dealer,
                from_leader(Welcome{led.generation(),
                                    Role::master,
                                    peer_name(2),
                                    std::chrono::milliseconds{250},
                                    {peer_info(2)},
                                    true}));
        Committee committee{term, 1, {{peer_name(2), peer_incarnation(2)}, {peer_name(1), kOwnIncarnation}}};
        to_link(who, link, Via::heartbeat,
                from_leader(Heartbeat{++sequence_,
                                      Role::master,
                                      0,
                                      round_,
                                      Duration{400'000'000},
                                      committee,
                                      {peer_info(2)},
                                      Duration{500'000'000}}));
        to_link(who, link, Via::dealer, from_leader(Poll{++round_, 0, round_ * 7 + 1}));
        const RawTime measured_at = now_;
        now_ += std::chrono::milliseconds{1};
        to_link(who, link, Via::publish,
                from_leader(Correction{round_, led.options().id, led.generation(), led.applied_term(),
                                       led.applied_round(), measured_at, correction, 0,
                                       std::chrono::microseconds{60}, 50'000}));
    }

    Known known() const {
        Known known = known_;
        known.cluster = cluster_;
        known.now = now_;
        known.terms = {candidate_.election().term(), slave_.term(), slave_.applied_term()};
        known.generations = {candidate_.slave().generation(), slave_.generation(), generation(2),
                             generation(3)};
        known.committees = {candidate_.slave().elector().committee(), slave_.elector().committee()};
        known.applied_term = slave_.applied_term();
        known.applied_round = slave_.applied_round();
        return known;
    }
    const ClusterName& cluster() const { return cluster_; }
    Term term(Who who) const { return node(who).term(); }
    std::uint64_t digest() const { return digest_; }

private:
    static SlaveCoreOptions slave_options(const char* id) {
        SlaveCoreOptions options;
        options.cluster = *ClusterName::from("lab");
        options.id = node_id(id);
        options.masters = {*Url::from("tcp://10.0.0.99:5250")};
        options.incarnation = kOwnIncarnation;
        return options;
    }
    static CandidateOptions candidate_options() {
        CandidateOptions options;
        options.slave = slave_options("m1");
        options.slave.candidate = peer_info(0);
        options.slave.want_heartbeats = true;
        options.master.max_members = kFewMembers;
        options.master.burst = 3;
        return options;
    }

    SlaveCore& node(Who who) { return who == Who::candidate ? candidate_.slave() : slave_; }
    const SlaveCore& node(Who who) const { return who == Who::candidate ? candidate_.slave() : slave_; }
    static Generation generation(std::size_t peer) { return 1000 + peer; }
    static Route route(std::size_t peer) { return static_cast<Route>(peer + 1); }

    template <class Fire, class Deadline>
    void run_timers(Who who, Fire fire, Deadline deadline) {
        // As the shell does: as long as something is due. It must not be due for ever.
        for (int turns = 0; turns == 0 || deadline() <= now_; ++turns) {
            require(turns < 100, "timers come to rest");
            fire();
            carry_out(who);
        }
    }

    void greet(std::size_t peer) {
        Hello hello;
        hello.incarnation = peer_incarnation(peer);
        hello.generation = generation(peer);
        hello.freq_ppb = 1000;
        if (peer < 4) hello.candidate = peer_info(peer);
        to_route(route(peer), {{cluster_, peer_name(peer), 0}, hello});
    }

    void answer(Route to, const Message& asked, std::size_t peers_end) {
        const Term term = asked.header.term;
        for (std::size_t peer = 2; peer < peers_end; ++peer) {
            if (to != 0 && to != route(peer)) continue;
            const auto say = [&](Body body) {
                to_route(route(peer), {{cluster_, peer_name(peer), term}, std::move(body)});
            };
            if (const auto* poll = std::get_if<Poll>(&asked.body)) {
                Reply reply{poll->round, poll->probe, poll->token, generation(peer),
                            now_,        now_,        {},          Duration{-1}};
                reply.map.anchor_raw = now_;
                reply.map.anchor_cluster = ClusterTime{std::chrono::hours{25}} + now_.time_since_epoch() +
                                           std::chrono::milliseconds{peer};
                reply.bound = std::chrono::microseconds{80};
                reply.drift_ppb = 50'000;
                say(reply);
            } else if (const auto* beat = std::get_if<Heartbeat>(&asked.body)) {
                say(Ack{beat->sequence, peer_incarnation(peer), beat->committee.term,
                        beat->committee.version});
            } else if (const auto* vote = std::get_if<VoteRequest>(&asked.body)) {
                say(Grant{vote->pre_vote, peer_incarnation(peer)});
            }
        }
    }

    /// What one of the two nodes reaches.
    class WorldPorts final : public Ports {
    public:
        WorldPorts(CoreWorld& world, Who who) : world_(world), who_(who) {}
        RouteSend send(Route route, const Message& message, bool) override {
            world_.sent(who_, message);
            if (const auto* poll = std::get_if<Poll>(&message.body)) world_.known_.poll = *poll;
            world_.ask(route, message);
            return {RouteSend::Outcome::sent, world_.now_};
        }
        void send(Link, const Message& message) override { world_.sent(who_, message); }
        void publish(Channel, const Message& message) override {
            world_.sent(who_, message);
            if (const auto* beat = std::get_if<Heartbeat>(&message.body))
                world_.known_.sequence = beat->sequence;
            world_.ask(0, message);
        }
        void connect(Link, const Url&) override {}
        void subscribe(Link, const Url&, const Url&) override {}
        void drop(Link) override {}
        void publish_clock() override {}
        Saved save() override {
            world_.saved_ = true;
            world_.owes_save_ = false;
            return {};
        }
        void save_learned() override {}
        void tell(const Event&) override {}
        RawTime now() override { return world_.now_; }
        bool slept() override { return false; }

    private:
        CoreWorld& world_;
        Who who_;
    };

    void carry_out(Who who) {
        require(out_.size() <= 4 * kFewMembers + 256, "actions are bounded");
        saved_ = false;
        const Actions actions = std::exchange(out_, Actions{});
        (who == Who::candidate ? candidate_hands_ : slave_hands_).carry_out(actions);
        require(!owes_save_, "a candidate's own vote is saved before it hears the others'");
        check(who);
    }

    void ask(Route to, const Message& message) {
        const bool asks = std::holds_alternative<Poll>(message.body) ||
                          std::holds_alternative<Heartbeat>(message.body) ||
                          std::holds_alternative<VoteRequest>(message.body);
        if (!asks) return;
        // What nobody answers is forgotten.
        if (asked_.size() > 64) asked_.erase(asked_.begin());
        asked_.emplace_back(to, message);
    }

    void sent(Who who, const Message& message) {
        encode(message, encoded_);
        const auto error = decode(encoded_.bytes, cluster_, again_);
        if (error) std::fprintf(stderr, "%s: type %zu\n", to_string(*error).data(), message.body.index());
        require(!error, "what is sent is well-formed");
        for (const std::byte byte : encoded_.bytes)
            digest_ = (digest_ ^ std::to_integer<std::uint64_t>(byte)) * 1099511628211U;
        if (const auto* correction = std::get_if<Correction>(&message.body)) known_.round = correction->round;
        const auto* grant = std::get_if<Grant>(&message.body);
        const auto* request = std::get_if<VoteRequest>(&message.body);
        if (grant != nullptr && !grant->pre_vote) {
            require(!is_new_vote(who, message.header.term, cause_) || saved_,
                    "a vote is saved before it is given");
        }
        // Its own vote is not given by asking for others', but must be on the disk before their answers come.
        if (request != nullptr && !request->pre_vote) {
            owes_save_ |= is_new_vote(who, message.header.term, node(who).options().id) && !saved_;
        }
    }

    bool is_new_vote(Who who, Term term, const NodeId& whom) {
        const auto [found, is_new] = votes_[static_cast<std::size_t>(who)].try_emplace(term, whom);
        require(found->second == whom, "one vote a term");
        return is_new;
    }

    void check(Who who) {
        const SlaveCore& core = node(who);
        Term& newest = newest_[static_cast<std::size_t>(who)];
        require(core.elector().term() >= newest, "terms never fall");
        newest = core.elector().term();
        require(core.directory().entries().size() <= kMaxCandidates, "candidates are bounded");
        require(core.elector().committee().voters.size() <= kMaxCommittee, "committees are bounded");
        require(candidate_.master().roster().size() <= kFewMembers, "rosters are bounded");
        const ClockMap& map = core.discipline().map();
        require(map.rate_ppb <= kRateMaxPpb && map.rate_ppb >= -kRateMaxPpb, "rates are bounded");
        require(core.discipline().bound(now_) >= Duration{0}, "error bounds are lengths");
        Reading& last = read_[static_cast<std::size_t>(who)];
        const Reading reading{map.cluster(now_), core.discipline().jumps()};
        require(reading.time >= last.time || reading.jumps > last.jumps,
                "no clock runs backward without saying so");
        last = reading;
    }

    struct Reading {
        ClusterTime time = ClusterTime::min();
        std::uint64_t jumps = 0;
    };

    RawTime now_{std::chrono::hours{1}};
    ClusterName cluster_;
    Actions out_;
    Message again_;
    Encoded encoded_;
    Known known_;
    NodeId cause_;  ///< who sent the message at hand
    std::vector<std::pair<Route, Message>>
        asked_;  ///< by the candidate, and not answered yet; route 0: everybody
    std::array<std::map<Term, NodeId>, 2> votes_;
    std::array<Term, 2> newest_{};
    std::array<Reading, 2> read_{};
    bool owes_save_ = false;
    bool saved_ = false;  ///< since the actions at hand began
    std::uint64_t sequence_ = 0;
    Round round_ = 0;
    std::uint64_t digest_ = 14695981039346656037U;
    CandidateNode candidate_node_;
    SlaveNode slave_node_;
    CandidateCore& candidate_ = candidate_node_.candidate();
    SlaveCore& slave_ = slave_node_.slave();
    WorldPorts candidate_ports_{*this, Who::candidate};
    WorldPorts slave_ports_{*this, Who::slave};
    Interpreter candidate_hands_{candidate_node_, candidate_ports_};
    Interpreter slave_hands_{slave_node_, slave_ports_};
};

}  // namespace berkeley::fuzz
