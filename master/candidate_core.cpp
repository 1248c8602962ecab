#include "master/candidate_core.hpp"

#include <algorithm>
#include <cassert>

namespace berkeley {

CandidateCore::CandidateCore(const CandidateOptions& options, const CandidateMemory& memory, Prng prng,
                             RawTime now, ClusterTime initial, std::int64_t rate_ppb)
    : options_(options),
      slave_(options.slave, Prng{prng.next()}, now, initial, rate_ppb),
      master_(options.master, slave_, Prng{prng.next()}),
      election_(options.election, Prng{prng.next()}, memory.term, !memory.candidates.empty(), now),
      saved_term_(memory.term) {
    assert(options_.slave.candidate);
}

void CandidateCore::start(RawTime now, Actions& out) {
    slave_.start(now, out);
    settle(now, out);
}

void CandidateCore::on_link_message(Link link, Via via, const Message& message, RawTime received_at,
                                    Actions& out) {
    const Header& header = message.header;
    slave_.on_message(link, via, message, received_at, out);
    if (const auto* heartbeat = std::get_if<Heartbeat>(&message.body); heartbeat && via == Via::heartbeat) {
        election_.on_heartbeat(header.sender, header.term, *heartbeat, received_at);
    } else if (const auto* step_down = std::get_if<StepDown>(&message.body);
               step_down && via == Via::heartbeat) {
        election_.on_step_down(header.sender, header.term, *step_down, received_at);
    } else if (const auto* welcome = std::get_if<Welcome>(&message.body); welcome && via == Via::dealer) {
        election_.on_term(header.term, welcome->leader, received_at);
    }
    election_.on_term(slave_.term(), slave_.leader(), received_at);
    settle(received_at, out);
}

void CandidateCore::on_route_message(Route route, const Message& message, RawTime received_at, Actions& out) {
    const Header& header = message.header;
    if (const auto* reply = std::get_if<Reply>(&message.body)) {
        master_.on_reply(route, header.sender, *reply, received_at, out);
    } else if (const auto* hello = std::get_if<Hello>(&message.body)) {
        on_hello(route, message, *hello, received_at, out);
    } else if (const auto* request = std::get_if<StatusRequest>(&message.body)) {
        answer_status(route, *request, received_at, out);
    } else if (const auto* bye = std::get_if<Bye>(&message.body)) {
        master_.on_bye(route, header.sender, *bye, out);
    } else if (const auto* refused = std::get_if<Refuse>(&message.body);
               refused && refused->kind == RefuseKind::old_term) {
        election_.on_term(header.term, NodeId{}, received_at);
    } else {
        out.add(EmitEvent{DroppedEvent{"unexpected-type", 1}});
    }
    settle(received_at, out);
}

void CandidateCore::on_hello(Route route, const Message& message, const Hello& hello, RawTime now,
                             Actions& out) {
    const NodeId& sender = message.header.sender;
    if (sender == options_.slave.id) {
        return refuse(route, hello.generation, RefuseKind::name_in_use,
                      "the name " + sender.str() + " is this candidate's own", out);
    }
    switch (master_.on_hello(route, sender, hello, now, out)) {
        case Roster::Claim::joined:
        case Roster::Claim::known:
            welcome(route, hello.generation, out);
            if (hello.candidate && hello.candidate->id == sender) slave_.add_candidate(*hello.candidate, now, out);
            election_.on_term(message.header.term, hello.leader, now);
            return;
        case Roster::Claim::pending:
            return;
        case Roster::Claim::name_in_use:
            return refuse(route, hello.generation, RefuseKind::name_in_use,
                          "the name " + sender.str() + " is in use", out);
        case Roster::Claim::full:
            out.add(EmitEvent{DroppedEvent{"roster-full", 1}});
            return refuse(route, hello.generation, RefuseKind::roster_full,
                          "the roster is full (" + std::to_string(master_.roster().size()) + " members)", out);
    }
}

void CandidateCore::welcome(Route route, Generation generation, Actions& out) const {
    Welcome message;
    message.generation = generation;
    message.role = election_.role();
    message.leader = election_.leader();
    message.interval = options_.master.interval;
    message.candidates = all_candidates();
    out.add(SendToRoute{route, slave_.make(std::move(message)), 0});
}

void CandidateCore::refuse(Route route, Generation generation, RefuseKind kind, std::string_view why,
                           Actions& out) const {
    Refuse message;
    message.kind = kind;
    message.generation = generation;
    message.reason = Reason::from(why.substr(0, kMaxReason)).value();
    out.add(SendToRoute{route, slave_.make(std::move(message)), 0});
}

std::vector<CandidateInfo> CandidateCore::all_candidates() const {
    std::vector<CandidateInfo> all{*options_.slave.candidate};
    for (CandidateInfo& info : slave_.known_candidates()) {
        if (all.size() < kMaxCandidates) all.push_back(std::move(info));
    }
    return all;
}

void CandidateCore::on_timer(RawTime now, Actions& out) {
    slave_.on_timer(now, out);
    if (election_.on_timer(now)) {
        settle(now, out);
        beat(out);
    }
    settle(now, out);
    master_.on_timer(now, out);
    if (election_.role() == Role::master && master_.self_outlier_rounds() >= kSelfOutlierRounds &&
        !successor().empty()) {
        hand_over("its own clock is a falseticker", out);
        election_.step_down("its own clock is a falseticker", now);
    }
    settle(now, out);
}

RawTime CandidateCore::next_deadline() const {
    return std::min({slave_.next_deadline(), master_.next_deadline(), election_.next_deadline()});
}

// Brings slave, master and roster in line with what the election decided, and tells it.
void CandidateCore::settle(RawTime now, Actions& out) {
    if (master_.running() && master_.term_used_before()) {
        // Its slaves would take the rounds of this life for repetitions of the earlier one's.
        master_.stop_term();
        election_.renew(now);
    }
    if (election_.term() > slave_.term() ||
        (election_.leads() && (slave_.leader() != options_.slave.id || slave_.term() != election_.term()))) {
        slave_.follow(election_.term(), election_.leader());
    }
    if (election_.leads() && !master_.running()) master_.start_term(now, out);
    if (!election_.leads() && master_.running()) master_.stop_term();
    if (election_.role() == Role::warmup && master_.warm()) election_.on_warm();
    const bool new_role = election_.role() != told_role_;
    if (new_role) {
        told_role_ = election_.role();
        out.add(EmitEvent{RoleEvent{told_role_, election_.reason()}});
    }
    const std::vector<CandidateInfo> known = slave_.known_candidates();
    const bool new_candidates = known.size() != told_candidates_;
    if (new_candidates) {
        told_candidates_ = known.size();
        election_.set_peers(known);
    }
    if (new_candidates || new_role) {
        // The members learn whom to follow to, and in which interval the master now leading polls.
        for (const auto& [id, member] : master_.roster().members()) {
            welcome(member->route, member->generation, out);
        }
    }
    if (new_candidates || election_.term() != saved_term_) {
        saved_term_ = election_.term();
        out.add(SaveState{});
    }
}

void CandidateCore::beat(Actions& out) {
    Heartbeat heartbeat;
    heartbeat.sequence = ++beats_;
    heartbeat.role = election_.role();
    heartbeat.priority = options_.election.priority;
    heartbeat.round = master_.round();
    heartbeat.lease_left = options_.election.heartbeat_timeout;
    heartbeat.committee.term = election_.term();
    heartbeat.candidates = all_candidates();
    out.add(Publish{Channel::heartbeat, slave_.make(std::move(heartbeat))});
}

NodeId CandidateCore::successor() const {
    const CandidateInfo* best = nullptr;
    for (const auto& [id, member] : master_.roster().members()) {
        if (!member->candidate || !member->reply || member->missed > 0) continue;
        if (best == nullptr || member->candidate->priority > best->priority) best = &*member->candidate;
    }
    return best == nullptr ? NodeId{} : best->id;
}

void CandidateCore::hand_over(std::string_view why, Actions& out) {
    const NodeId next = successor();
    out.add(Publish{Channel::publish, slave_.make(StepDown{next})});
    out.add(Publish{Channel::heartbeat, slave_.make(StepDown{next})});
    out.add(EmitEvent{NoteEvent{Severity::info, next.empty() ? "no standby to hand over to"
                                                             : "handing over to " + next.str() + ": " +
                                                                   std::string(why)}});
}

void CandidateCore::stop(Actions& out) {
    if (election_.leads()) hand_over("asked to stop", out);
    slave_.stop(out);
    out.add(SaveState{});
}

void CandidateCore::answer_status(Route route, const StatusRequest& request, RawTime now, Actions& out) {
    StatusAnswer answer;
    const Discipline& clock = slave_.discipline();
    answer.role = election_.role();
    answer.leader = election_.leader();
    answer.round = election_.leads() ? master_.round() : slave_.applied_round();
    answer.state = master_.state();
    answer.status = clock.status();
    answer.bound = clock.bound(now);
    answer.cluster_time = clock.map().cluster(now);
    answer.disruptions = clock.disruptions();
    answer.candidates = all_candidates();
    answer.first_member = request.first_member;
    answer.members_total = static_cast<std::uint32_t>(master_.roster().size());
    std::uint32_t index = 0;
    for (const auto& [id, member] : master_.roster().members()) {
        if (index++ < request.first_member) continue;
        if (answer.members.size() == kMaxStatusMembers) break;
        MemberStatus status;
        status.id = id;
        status.status = member->reply ? member->reply->status : ClockStatus::unsynchronized;
        status.outlier = member->last.outlier;
        status.offset = member->last.offset;
        status.delay = member->last.delay;
        status.bound = member->last.bound;
        status.freq_ppb = member->last.freq_ppb;
        status.last_seen = std::max(Duration{0}, now - member->heard_at);
        answer.members.push_back(status);
    }
    out.add(SendToRoute{route, slave_.make(std::move(answer)), 0});
}

}  // namespace berkeley
