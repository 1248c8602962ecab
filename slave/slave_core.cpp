#include "slave/slave_core.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/duration_text.hpp"

namespace berkeley {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The slave greets a candidate that refused it again after this.
constexpr Duration kRefusedWait = seconds{1};
constexpr int kMissedRounds = 3;
/// A master that has corrected this clock before, in the same term, and now finds it to be off by more than
/// max_correction: after so many rounds it is this clock that has jumped.
constexpr std::uint32_t kRefusalsOfAJump = 3;
/// A takeover takes about a second with the default timers; a clock stays SYNCHRONIZED through it.
constexpr Duration kTakeoverAllowance = seconds{2};

/// L is shorter than D, because clocks run at different rates; they differ by far less than a fifth.
Duration lease_of(Duration timeout) { return timeout / 5 * 4; }

Duration valid_for(Duration interval) { return kMissedRounds * interval + kTakeoverAllowance; }

}  // namespace

SlaveCore::SlaveCore(const SlaveCoreOptions& options, Prng prng, RawTime now, ClusterTime initial,
                     const SavedRate& rate)
    : options_(options),
      prng_(prng),
      elector_(
          {options.id, options.incarnation, options.heartbeat_timeout, lease_of(options.heartbeat_timeout)},
          options.memory, now),
      generation_(prng_.next() | 1),
      discipline_(options.discipline, now, initial, rate),
      links_({options.id, options.cluster, options.masters, options.candidate, options.known},
             Prng{prng_.next()}, now),
      polled_at_(now),
      leader_heard_at_(now) {
    term_ = elector_.term();
    if (!options.votes) elector_.disable("it has --no-vote, or no lasting --id");
    discipline_.set_valid_for(valid_for(interval_));
    if (options.resumed && discipline_.resume(*options.resumed, now)) corrected_term_ = options.resumed_term;
}

void SlaveCore::start(RawTime now, Actions& out) {
    update_heartbeat_subscriptions(out);
    links_.start(now, out);
    out.add(PublishClock{});
    tell_status("the clock goes on from its page", out);
}

void SlaveCore::on_message(Link link, Via via, const Message& told, RawTime received_at, Actions& out) {
    if (!links_.used(link)) return drop("unknown-link", out);
    Message changed;
    const Message& message = with_complete_candidates(told, links_.url(link), changed, out);
    const bool dealer = via == Via::dealer;
    if (message.header.sender == options_.id) {
        return dealer ? on_own_name(link, message, received_at, out) : drop("own-name", out);
    }
    links_.note_message(link, via, received_at);
    if (const auto* poll = std::get_if<Poll>(&message.body); poll && dealer) {
        on_poll(link, message, *poll, received_at, out);
    } else if (const auto* c = std::get_if<Correction>(&message.body); c && via == Via::publish) {
        on_correction(link, message, *c, received_at, out);
    } else if (const auto* welcome = std::get_if<Welcome>(&message.body); welcome && dealer) {
        on_welcome(link, message, *welcome, received_at, out);
    } else if (const auto* refuse = std::get_if<Refuse>(&message.body); refuse && dealer) {
        on_refuse(link, message, *refuse, received_at, out);
    } else if (const auto* beat = std::get_if<Heartbeat>(&message.body); beat && via == Via::heartbeat) {
        on_heartbeat(link, message, *beat, received_at, out);
    } else if (const auto* vote = std::get_if<VoteRequest>(&message.body); vote && dealer) {
        on_vote_request(link, message, *vote, received_at, out);
    } else if (std::holds_alternative<RoundNotice>(message.body) && via == Via::publish) {
        // The master reports rounds to people; here they only show that the link lives.
    } else if (std::holds_alternative<StepDown>(message.body) && !dealer) {
        if (via == Via::heartbeat) elector_.on_step_down(message.header.sender, message.header.term);
        if (message.header.sender == leader_ && via == Via::publish) {
            out.add(EmitEvent{NoteEvent{Severity::info, "the master " + leader_.str() + " stepped down"}});
        }
    } else {
        drop("unexpected-type", out);
    }
}

/// Handles a message from a candidate with this node's own name. It is another node, or this node itself
/// under another address.
void SlaveCore::on_own_name(Link link, const Message& message, RawTime now, Actions& out) {
    const auto* refuse = std::get_if<Refuse>(&message.body);
    if (refuse == nullptr || refuse->kind != RefuseKind::name_in_use || refuse->generation != generation_) {
        return drop("own-name", out);
    }
    links_.note_message(link, Via::dealer, now);
    links_.put_off(link, kRefusedWait, now);
    if (links_.own_name_told(link)) return;
    out.add(EmitEvent{NoteEvent{Severity::error,
                                "the id '" + options_.id.str() + "' is in use at " + links_.url(link).str() +
                                    ", by another node or by this one: give each node an id of its own"}});
}

void SlaveCore::on_welcome(Link link, const Message& message, const Welcome& welcome, RawTime now,
                           Actions& out) {
    if (welcome.generation != generation_) return drop("generation", out);
    if (welcome.candidates.empty() || welcome.candidates.front().id != message.header.sender) {
        return drop("bad-welcome", out);
    }
    const CandidateInfo& sender = welcome.candidates.front();
    if (!links_.on_welcome(link, sender, now, out)) {
        if (leader_link_ == link) leader_link_.reset();
        return;
    }
    if (welcome.role == Role::master || welcome.role == Role::warmup) {
        interval_ = std::clamp(welcome.interval, Duration{milliseconds{1}}, Duration{std::chrono::hours{1}});
        discipline_.set_valid_for(valid_for(interval_));
        asked_to_listen_ = welcome.listen;
        update_heartbeat_subscriptions(out);
    }
    for (const CandidateInfo& info : welcome.candidates) {
        if (info.id != sender.id) links_.hear(info, CandidateDirectory::Source::hearsay, now, out);
    }
}

void SlaveCore::follow_and_report(Term term, const NodeId& leader, RawTime now, Actions& out) {
    follow(term, leader);
    leader_heard_at_ = now;
    // Another candidate that leads, or is about to, learns of this leader at once.
    links_.greet_soon(now);
    out.add(EmitEvent{
        NoteEvent{Severity::info, "following " + leader.str() + " in term " + std::to_string(term_)}});
}

void SlaveCore::on_heartbeat(Link link, const Message& message, const Heartbeat& beat, RawTime now,
                             Actions& out) {
    for (const CandidateInfo& info : beat.candidates) {
        if (info.id != message.header.sender)
            links_.hear(info, CandidateDirectory::Source::hearsay, now, out);
    }
    const Header& header = message.header;
    if (header.term < elector_.term() && (beat.role == Role::master || beat.role == Role::warmup)) {
        Refuse refuse;
        refuse.kind = RefuseKind::old_term;
        refuse.reason = *Reason::from("a newer term has begun");
        out.add(SendToLink{link, {{options_.cluster, options_.id, elector_.term()}, std::move(refuse)}});
        return drop("old-term", out);
    }
    // Where a heartbeat only brings a new committee, we acknowledge it at once with the committee that is on
    // the disk, and again when the new one is there too. So a lease does not wait for the voters' disks.
    const bool saved = !elector_.changed() && header.term == elector_.term();
    const Ack before = elector_.ack(beat.sequence);
    if (!elector_.on_heartbeat(header.sender, header.term, beat, now)) return;
    // A term has one leader: the one that the voters hear.
    if (header.term > term_ || (header.term == term_ && leader_ != header.sender))
        follow_and_report(header.term, header.sender, now, out);
    leader_heard_at_ = now;
    // In WARMUP the lease needs voters only. An acknowledgement is a promise, and a learner's disk would
    // delay the first round; learners are needed only once the committee may change again.
    if (beat.role == Role::warmup && !elector_.is_voter()) return update_heartbeat_subscriptions(out);
    // A voter must not acknowledge a lease that outlasts its own silence.
    const bool promises = beat.timeout <= elector_.options().timeout;
    if (elector_.take_changed()) {
        if (saved && promises) out.add(SendToLink{link, make(before)});
        out.add(SaveState{});
    }
    compare_timeouts(header.sender, beat.timeout, out);
    if (!promises) return;
    out.add(SendToLink{link, make(elector_.ack(beat.sequence))});
    update_heartbeat_subscriptions(out);
}

void SlaveCore::compare_timeouts(const NodeId& leader, Duration theirs, Actions& out) {
    const Duration ours = elector_.options().timeout;
    if (std::exchange(told_timeout_, theirs) == theirs || theirs == ours) return;
    out.add(EmitEvent{NoteEvent{
        Severity::warning,
        leader.str() + " has --heartbeat-timeout " + duration_literal(theirs) + ", this node " +
            duration_literal(ours) + ": they must be the same" +
            (theirs > ours ? ", and it does not vote for " + leader.str() + " until then" : std::string{})}});
}

void SlaveCore::on_vote_request(Link link, const Message& message, const VoteRequest& request, RawTime now,
                                Actions& out) {
    const Header& header = message.header;
    const std::string_view why = elector_.judge(header.sender, header.term, request, now);
    // The vote is on the disk before it is given.
    if (elector_.take_changed()) out.add(SaveState{});
    if (!why.empty()) {
        Refuse refuse;
        refuse.kind = request.pre_vote ? RefuseKind::pre_vote : RefuseKind::vote;
        refuse.reason = *Reason::from(why);
        out.add(SendToLink{link, {{options_.cluster, options_.id, elector_.term()}, std::move(refuse)}});
        return;
    }
    if (!request.pre_vote && header.term > term_) follow(header.term, NodeId{});
    out.add(SendToLink{
        link, {{options_.cluster, options_.id, header.term}, Grant{request.pre_vote, options_.incarnation}}});
}

void SlaveCore::stop_voting(std::string_view why, Actions& out) {
    if (elector_.disabled()) return;
    elector_.disable();
    out.add(EmitEvent{
        NoteEvent{Severity::error, "this node does not vote until it is restarted: " + std::string(why)}});
}

void SlaveCore::on_poll(Link link, const Message& message, const Poll& poll, RawTime received_at,
                        Actions& out) {
    const Header& header = message.header;
    if (!elector_.plausible(header.term)) return drop("term-too-far", out);
    if (header.term < term_) {
        Refuse refuse;
        refuse.kind = RefuseKind::old_term;
        refuse.reason = *Reason::from("a newer term has begun");
        out.add(SendToLink{link, make(std::move(refuse))});
        return drop("old-term", out);
    }
    if (header.term == term_ && !leader_.empty() && leader_ != header.sender) return drop("not-leader", out);
    if (header.term > term_ || leader_.empty()) {
        follow_and_report(header.term, header.sender, received_at, out);
        // A reply promises nothing. The term is saved before the next ACK or GRANT, or when this clock has
        // been corrected in it, so the first round does not wait for the disks.
        elector_.observe(header.term);
    }
    links_.on_poll(link,
                   {.by_leader = leader_link_ == link,
                    .new_round = poll.round != answered_[0],
                    .timeout = elector_.options().timeout},
                   received_at, out);
    leader_link_ = link;
    polled_at_ = leader_heard_at_ = received_at;
    if (poll.round > answered_[0]) answered_ = {poll.round, answered_[0]};
    Reply reply;
    reply.round = poll.round;
    reply.probe = poll.probe;
    reply.token = poll.token;
    reply.generation = generation_;
    reply.t2 = received_at;
    reply.t3 = received_at;
    reply.map = discipline_.map();
    reply.map.floor = ClusterTime::min();
    reply.bound = discipline_.bound(received_at);
    reply.status = discipline_.status();
    reply.applied_term = applied_term_;
    reply.applied_round = applied_round_;
    reply.drift_ppb = discipline_.drift_ppb();
    out.add(SendToLink{link, make(std::move(reply))});
}

std::string_view SlaveCore::fence(Link link, const Message& message, const Correction& c, RawTime now) const {
    const Header& header = message.header;
    if (c.target != options_.id) return "wrong-target";
    if (header.term < term_) return "old-term";
    if (header.term > term_) return "unknown-term";
    if (header.sender != leader_ || leader_link_ != link) return "not-leader";
    if (c.generation != generation_) return "generation";
    if (applied_term_ == term_ && c.round <= applied_round_) return "old-round";
    if (c.round != answered_[0] && c.round != answered_[1]) return "round-not-answered";
    if (c.basis_term != applied_term_ || c.basis_round != applied_round_) return "stale-basis";
    if (c.measured_at > now) return "measured-in-future";
    if (now - c.measured_at > 2 * interval_) return "late";
    return {};
}

void SlaveCore::on_correction(Link link, const Message& message, const Correction& c, RawTime now,
                              Actions& out) {
    if (const std::string_view reason = fence(link, message, c, now); !reason.empty())
        return drop(reason, out);
    record_verdict(c.outlier, now);
    const AdjustResult result =
        discipline_.apply({c.correction, c.freq_ppb, c.bound, c.measured_at, c.drift_ppb}, now);
    if (result.applied != Applied::refused) {
        applied_term_ = corrected_term_ = message.header.term;
        applied_round_ = c.round;
    }
    if (result.applied != Applied::refused) {
        refusals_ = 0;
    } else if (applied_term_ == term_ && status() != ClockStatus::disrupted && c.round > refused_round_) {
        ++refusals_;
    }
    refused_round_ = result.applied == Applied::refused ? c.round : 0;
    CorrectionEvent event;
    event.round = c.round;
    event.correction = c.correction;
    event.freq_ppb = c.freq_ppb;
    event.applied = result.applied;
    event.bound = discipline_.bound(now);
    event.status = status();
    event.reason = result.reason;
    out.add(PublishClock{});
    out.add(EmitEvent{std::move(event)});
    tell_status(result.reason.empty() ? "corrected by the master" : std::string_view{result.reason}, out);
    if (refusals_ >= kRefusalsOfAJump) {
        refusals_ = 0;
        disrupt("this clock has jumped beyond --max-correction since its master corrected it", out);
    }
}

bool SlaveCore::record_verdict(bool outlier, RawTime now) {
    if (outlier == suspect_since_.has_value()) return false;
    suspect_since_ = outlier ? std::optional{now} : std::nullopt;
    return true;
}

void SlaveCore::on_refuse(Link link, const Message& message, const Refuse& refuse, RawTime now,
                          Actions& out) {
    if (refuse.kind != RefuseKind::name_in_use && refuse.kind != RefuseKind::roster_full &&
        refuse.kind != RefuseKind::not_allowed) {
        return;  // refusals of votes and terms concern candidates, which read this message themselves
    }
    if (refuse.generation != generation_) return drop("generation", out);
    // Its own name, held by its other connection to that candidate.
    if (refuse.kind == RefuseKind::name_in_use &&
        links_.on_name_in_use(link, message.header.sender, now, out)) {
        return;
    }
    links_.put_off(link, kRefusedWait, now);
    out.add(EmitEvent{NoteEvent{Severity::error,
                                message.header.sender.str() + " refuses this node: " + refuse.reason.str()}});
}

void SlaveCore::on_timer(RawTime now, Actions& out) {
    if (applied_term_ == term_ && elector_.take_changed()) out.add(SaveState{});
    const bool polled = now - polled_at_ < kMissedRounds * interval_;
    const auto due = links_.tend(polled ? leader_link_ : std::nullopt, now, out);
    for (const Link link : due) out.add(SendToLink{link, greeting(now)});
    if (discipline_.tick(now)) {
        out.add(PublishClock{});
        tell_status(discipline_.status() == ClockStatus::holdover ? "no correction for too long"
                                                                  : "the error bound exceeds --max-bound",
                    out);
    }
}

RawTime SlaveCore::next_deadline() const {
    return std::min(discipline_.next_deadline(), links_.next_deadline());
}

Message SlaveCore::greeting(RawTime now) const {
    Hello hello;
    hello.incarnation = options_.incarnation;
    hello.generation = generation_;
    hello.freq_ppb = discipline_.map().rate_ppb;
    // Whoever has heard nothing of its leader for so long must not keep others from leading.
    const bool hears_leader = leader_ == options_.id || now - leader_heard_at_ < valid_for(interval_);
    if (hears_leader) hello.leader = leader_;
    hello.candidate = links_.directory().own();
    hello.committee = elector_.committee();
    hello.votes = options_.votes;
    const auto* leader = hello.leader.empty() ? nullptr : links_.directory().find(leader_);
    if (leader != nullptr) hello.leader_info = leader->info;
    return make(std::move(hello));
}

/// Candidates, voters and slaves that the leader asks hear heartbeats. For the other slaves of a large
/// cluster heartbeats are noise.
void SlaveCore::update_heartbeat_subscriptions(Actions& out) {
    const bool asked = options_.votes && (asked_to_listen_ || elector_.is_voter());
    links_.set_hears_heartbeats(options_.want_heartbeats || asked, out);
}

void SlaveCore::follow(Term term, const NodeId& leader) {
    assert(term >= term_);
    if (term != term_) answered_ = {};
    term_ = term;
    leader_ = leader;
    leader_link_.reset();
}

void SlaveCore::disrupt(std::string_view why, Actions& out) {
    discipline_.disrupt();
    elector_.doubt();
    // From now on this is another clock: no measurement of the old one may correct it. The new generation
    // tells the master.
    generation_ = prng_.next() | 1;
    answered_ = {};
    links_.greet_anew();
    out.add(PublishClock{});
    tell_status(why, out);
}

void SlaveCore::tell_status(std::string_view reason, Actions& out) {
    if (status() == told_status_) return;
    told_status_ = status();
    out.add(EmitEvent{StatusEvent{told_status_, std::string(reason)}});
}

void SlaveCore::set_astray(bool astray, std::string_view reason, Actions& out) {
    if (std::exchange(astray_, astray) == astray) return;
    out.add(PublishClock{});
    tell_status(reason, out);
}

void SlaveCore::stop(Actions& out) {
    for (const Link link : links_.connected()) out.add(SendToLink{link, make(Bye{generation_})});
}

}  // namespace berkeley
