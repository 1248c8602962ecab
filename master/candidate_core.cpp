#include "master/candidate_core.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "protocol/candidate_address.hpp"

namespace berkeley {

namespace {

constexpr std::size_t kSpareListeners = 2;
/// A listener that misses so many rounds in a row is replaced. A single round is easily lost, and each
/// change costs a message.
constexpr std::uint32_t kListenerMisses = 2;
constexpr Duration kBelieveAgain = std::chrono::minutes{1};
/// Within this time every member greets.
constexpr Duration kAllGreet = std::chrono::milliseconds{1250};
/// Changes of the directory are told together, no more often than this: each costs a message to every member.
constexpr Duration kTellAgain = std::chrono::seconds{1};
constexpr Duration kNotStraightBack = std::chrono::minutes{5};

}  // namespace

CandidateCore::CandidateCore(const CandidateOptions& options, Prng prng, RawTime now, ClusterTime initial,
                             const SavedRate& rate)
    : options_(options),
      slave_(options.slave, Prng{prng.next()}, now, initial, rate),
      master_(options.master, slave_, Prng{prng.next()}),
      election_(options.election, slave_.elector(), Prng{prng.next()}, now),
      ranked_at_(now) {
    assert(options_.slave.candidate);
}

void CandidateCore::start(RawTime now, Actions& out) {
    started_at_ = now;
    slave_.start(now, out);
    // A node that remembers voters stands for election among them, and they may find it.
    const bool alone = options_.slave.masters.empty() && slave_.directory().entries().empty() &&
                       slave_.elector().committee().voters.empty();
    if (options_.election.standby && alone) {
        out.add(EmitEvent{NoteEvent{Severity::warning,
                                    "a standby without --peer that remembers no candidate: it hears of a "
                                    "cluster only where a node of that cluster connects to it"}});
    }
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
        if (step_down->successor == options_.slave.id && header.sender == election_.leader()) {
            handed_by_ = header.sender;
            handed_at_ = received_at;
        }
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
    } else if (const auto* wanted = std::get_if<StepDown>(&message.body)) {
        on_step_down_request(route, wanted->successor, received_at, out);
    } else if (const auto* forget = std::get_if<Forget>(&message.body)) {
        on_forget_request(route, forget->id, received_at, out);
    } else if (const auto* bye = std::get_if<Bye>(&message.body)) {
        if (from_member(route, header.sender)) election_.on_bye(header.sender);
        master_.on_bye(route, header.sender, *bye, out);
    } else if (const auto* ack = std::get_if<Ack>(&message.body)) {
        if (from_member(route, header.sender)) {
            const bool candidate = master_.roster().members().at(header.sender)->candidate.has_value();
            election_.on_ack(header.sender, header.term, *ack, candidate, received_at);
        } else {
            drop("unknown-member", out);
        }
    } else if (const auto* grant = std::get_if<Grant>(&message.body)) {
        if (from_member(route, header.sender)) {
            election_.on_grant(header.sender, header.term, *grant, received_at);
        } else {
            drop("unknown-member", out);
        }
    } else if (const auto* refused = std::get_if<Refuse>(&message.body)) {
        const bool vote = refused->kind == RefuseKind::vote || refused->kind == RefuseKind::pre_vote;
        // A refusal from another node, or a second one in a term, would only fill the log.
        if (vote && from_member(route, header.sender) && election_.seeks_vote_from(header.sender) &&
            std::exchange(refusals_[header.sender], election_.term() + 1) != election_.term() + 1) {
            out.add(EmitEvent{VoteEvent{header.sender, false, refused->reason.str()}});
        }
        if (vote && from_member(route, header.sender)) {
            election_.on_refusal(header.sender, header.term, *refused, received_at);
        }
        // A voter that knows a newer term ends this leadership.
        if (from_member(route, header.sender) && weigh_term_report(header.sender, header.term, received_at)) {
            election_.on_term(header.term, NodeId{}, received_at);
        }
    } else {
        out.add(EmitEvent{DroppedEvent{"unexpected-type", 1}});
    }
    settle(received_at, out);
}

/// The shell has completed the endpoints; nobody here knows where the sender is.
std::string CandidateCore::fault_of(const Hello& hello) const {
    if (!hello.candidate) return {};
    CandidateInfo told = *hello.candidate;
    return complete(told, sender_host({}, options_.slave.candidate->poll));
}

void CandidateCore::on_hello(Route route, const Message& message, const Hello& hello, RawTime now,
                             Actions& out) {
    const NodeId& sender = message.header.sender;
    if (sender == options_.slave.id) {
        return refuse(route, hello.generation, RefuseKind::name_in_use,
                      "the name " + sender.str() + " is this candidate's own", out);
    }
    if (const std::string why = fault_of(hello); !why.empty()) {
        out.add(EmitEvent{DroppedEvent{"bad-endpoint", 1, sender.str() + ": " + why}});
        return refuse(route, hello.generation, RefuseKind::not_allowed, why, out);
    }
    switch (master_.on_hello(route, sender, hello, now, out)) {
        case Roster::Claim::joined:
        case Roster::Claim::known:
            hear_of_candidates(message, hello, now, out);
            welcome(route, sender, hello.generation, now, out);
            if (hello.candidate || weigh_term_report(sender, message.header.term, now)) {
                election_.on_term(message.header.term, hello.leader, now);
            }
            election_.on_committee({sender, hello.incarnation}, hello.committee, message.header.term,
                                   master_.roster().size(), now);
            return;
        case Roster::Claim::pending:
            return;
        case Roster::Claim::name_in_use:
            return refuse(route, hello.generation, RefuseKind::name_in_use,
                          "the name " + sender.str() + " is in use", out);
        case Roster::Claim::full:
            out.add(EmitEvent{DroppedEvent{"roster-full", 1}});
            return refuse(route, hello.generation, RefuseKind::roster_full,
                          "the roster is full (" + std::to_string(master_.roster().size()) + " members)",
                          out);
    }
}

void CandidateCore::refuse(Route route, Generation generation, RefuseKind kind, std::string_view why,
                           Actions& out) const {
    Refuse message;
    message.kind = kind;
    message.generation = generation;
    message.reason = Reason::from(why.substr(0, kMaxReason)).value();
    out.add(SendToRoute{route, slave_.make(std::move(message)), 0});
}

void CandidateCore::on_timer(RawTime now, Actions& out) {
    slave_.on_timer(now, out);
    if (election_.about_to_found(now)) election_.set_views(views(now));
    const bool beats = election_.on_timer(now);
    // The voters' disks and this node's own write a change of the committee at the same time. This node
    // counts itself only at the next heartbeat, and by then it has saved. The vote that began a term is on
    // the disk before the first heartbeat.
    const bool begun = master_.running() && led_term_ == election_.term();
    if (beats && begun) beat(now, out);
    settle(now, out);
    if (beats && !begun) beat(now, out);
    master_.set_lease(election_.lease_until());
    master_.on_timer(now, out);
    if (election_.role() == Role::master && master_.self_outlier_rounds() >= kSelfOutlierRounds) {
        const NodeId next = successor();
        // Two falsetickers would hand the cluster to and fro.
        const bool back = next == handed_by_ && now - handed_at_ < kNotStraightBack;
        if (!next.empty() && !back) hand_over("its own clock is a falseticker", next, now, out);
    }
    settle(now, out);
    if (now >= tell_at_) tell_members(now, out);
    // The rank in a takeover depends on who is alive.
    if (now - ranked_at_ >= kTellAgain) {
        ranked_at_ = now;
        election_.set_peers(slave_.directory().living(now));
    }
}

RawTime CandidateCore::next_deadline() const {
    const RawTime leaves = stays_until_.value_or(RawTime::max());
    return std::min({slave_.next_deadline(), master_.next_deadline(), election_.next_deadline(), leaves,
                     tell_at_, ranked_at_ + kTellAgain});
}

/// Weighs a slave's report of a newer term, which would end a leadership and an election under way. Returns
/// true where the report counts. It counts where more than a third of the members report such a term: then
/// they do not all lie. Reports of fewer members count once in a while, all together: an honest slave that
/// was ahead needs that once, and liars must not keep the cluster without a master.
bool CandidateCore::weigh_term_report(const NodeId& slave, Term term, RawTime now) {
    if (term <= election_.term()) return true;
    if (election_.term() == 0 && term > kTermToldFirstMax) return false;
    std::erase_if(newer_terms_, [this](const auto& told) { return told.second <= election_.term(); });
    if (newer_terms_.size() < kMaxMembers) newer_terms_[slave] = term;
    const auto agree = std::count_if(newer_terms_.begin(), newer_terms_.end(),
                                     [term](const auto& told) { return told.second >= term; });
    // A candidate that knows no term hears all members first: the first one might lie, and no other would be
    // asked.
    const bool heard_all = election_.term() > 0 || now - started_at_ >= kAllGreet;
    if (heard_all && 3 * static_cast<std::size_t>(agree) > master_.roster().size()) return true;
    if (election_.term() == 0) return false;
    if (believed_at_ && now - *believed_at_ < kBelieveAgain) return false;
    believed_at_ = now;
    return true;
}

bool CandidateCore::from_member(Route route, const NodeId& sender) const {
    const auto found = master_.roster().members().find(sender);
    return found != master_.roster().members().end() && found->second->route == route;
}

// Brings slave, master and roster in line with the election's decision, and reports it.
void CandidateCore::settle(RawTime now, Actions& out) {
    if (master_.running() && master_.term_used_before()) {
        // The slaves would take the rounds of this life for repetitions of an earlier life's.
        master_.stop_term();
        election_.renew(now);
    }
    // A request for votes promises nothing, so the voters' disks may write while this node's own does.
    send_ballots(out);
    // A promise is on the disk before anybody hears of it.
    if (slave_.elector().take_changed()) out.add(SaveState{});
    const Term term = election_.term();
    if (term > slave_.term() ||
        (election_.leads() && (slave_.leader() != options_.slave.id || slave_.term() != term))) {
        slave_.follow(term, election_.leader());
    }
    if (master_.running() && (!election_.leads() || led_term_ != term)) {
        master_.stop_term();
        tell_step_down(NodeId{}, out);
    }
    if (election_.leads() && !master_.running()) {
        led_term_ = term;
        master_.start_term(now, out);
    }
    master_.set_lease(election_.lease_until());
    if (election_.role() == Role::warmup && master_.warm() && election_.has_lease(now)) election_.on_warm();
    report_changes(now, out);
}

void CandidateCore::report_changes(RawTime now, Actions& out) {
    if (const Committee& committee = slave_.elector().committee();
        committee.voters != told_committee_.voters && !committee.voters.empty()) {
        told_committee_ = committee;
        out.add(EmitEvent{CommitteeEvent{committee}});
        std::erase_if(refusals_, [&](const auto& told) { return told.second < election_.term(); });
    }
    const bool new_role = election_.role() != told_role_;
    if (new_role) {
        told_role_ = election_.role();
        out.add(EmitEvent{RoleEvent{told_role_, election_.reason()}});
        if (told_role_ == Role::warmup && election_.founded()) {
            out.add(EmitEvent{NoteEvent{Severity::info, "founding a new cluster '" +
                                                            options_.slave.cluster.str() +
                                                            "'; to join one, use --standby --peer URL"}});
        }
    }
    if (std::string notice = election_.take_notice(); !notice.empty()) {
        out.add(EmitEvent{NoteEvent{Severity::warning, std::move(notice)}});
    }
    const bool new_candidates = slave_.candidates_version() != told_candidates_;
    if (new_candidates) {
        told_candidates_ = slave_.candidates_version();
        election_.set_peers(slave_.directory().living(now));
        tell_at_ = std::min(tell_at_, std::max(now, told_at_ + kTellAgain));
    }
    // The members learn who leads now and at which interval that master polls. They learn it in the next
    // timer's time, so that a new leader's first heartbeat leaves before.
    const bool new_leader = election_.leads() != told_leads_ ||
                            (!election_.leader().empty() && election_.leader() != told_leader_);
    if (new_leader) {
        told_leads_ = election_.leads();
        told_leader_ = election_.leader();
        tell_at_ = now;
    }
    if (new_candidates || new_role) tell_equal_priority(out);
}

void CandidateCore::tell_equal_priority(Actions& out) {
    if (told_priority_ || !election_.leads()) return;
    for (const auto& entry : slave_.directory().entries()) {
        const CandidateInfo& info = entry.info;
        if (info.priority != options_.election.priority) continue;
        told_priority_ = true;
        return out.add(EmitEvent{NoteEvent{
            Severity::warning, info.id.str() + " has the same --priority as this node, " +
                                   std::to_string(info.priority) +
                                   ": a takeover may need a second vote; give each candidate its own"}});
    }
}

void CandidateCore::send_ballots(Actions& out) {
    for (Ballot& ballot : election_.take_ballots()) {
        const auto member = master_.roster().members().find(ballot.to.id);
        if (member == master_.roster().members().end() ||
            member->second->incarnation != ballot.to.incarnation)
            continue;
        const SlaveCoreOptions& self = options_.slave;
        out.add(
            SendToRoute{member->second->route, {{self.cluster, self.id, ballot.term}, ballot.request}, 0});
    }
}

/// Asks as many slaves as the committee has room for to acknowledge heartbeats: the same ones as long as
/// they answer.
void CandidateCore::choose_listeners(RawTime now, Actions& out) {
    const auto& members = master_.roster().members();
    std::size_t candidates = 1;
    for (const auto& entry : slave_.directory().entries())
        candidates += members.contains(entry.info.id) ? 1U : 0U;
    const std::size_t target = std::min(kMaxCommittee, std::max(kFill, candidates | 1U));
    // We ask a few more than there is room for, so that a dead voter is replaced at once.
    const std::size_t room = target - std::min(target, candidates) + kSpareListeners;
    const auto fit = [&](const NodeId& id, const Member& member) {
        return !member.candidate && member.votes &&
               member.missed < (listeners_.contains(id) ? kListenerMisses : 1);
    };
    const Committee& committee = election_.leadership().committee();
    // This is asked ten times a second, and nearly always the answer is: all is well.
    const bool all_well = listeners_.size() == std::min(room, members.size()) &&
                          std::all_of(listeners_.begin(), listeners_.end(), [&](const NodeId& id) {
                              const auto member = members.find(id);
                              return member != members.end() && fit(id, *member->second);
                          });
    const bool voters_hear =
        std::all_of(committee.voters.begin(), committee.voters.end(), [&](const Voter& voter) {
            const auto member = members.find(voter.id);
            return member == members.end() || !fit(voter.id, *member->second) ||
                   listeners_.contains(voter.id);
        });
    if (all_well && voters_hear) return;
    std::set<NodeId> chosen;
    const auto choose = [&](const auto& preferred) {
        for (const auto& [id, member] : members) {
            if (chosen.size() >= room) return;
            if (fit(id, *member) && preferred(id, *member)) chosen.insert(id);
        }
    };
    choose(
        [&](const NodeId& id, const Member& member) { return contains(committee, id, member.incarnation); });
    choose([&](const NodeId& id, const Member&) { return listeners_.contains(id); });
    choose([](const NodeId&, const Member&) { return true; });
    if (chosen == listeners_) return;
    const std::set<NodeId> before = std::exchange(listeners_, std::move(chosen));
    for (const auto& [id, member] : members) {
        if (before.contains(id) != listeners_.contains(id))
            welcome(member->route, id, member->generation, now, out);
    }
}

void CandidateCore::beat(RawTime now, Actions& out) {
    if (!election_.leads()) return;
    choose_listeners(now, out);
    Heartbeat heartbeat;
    heartbeat.sequence = election_.beats();
    heartbeat.role = election_.role();
    heartbeat.priority = options_.election.priority;
    heartbeat.round = master_.round();
    heartbeat.lease_left = election_.lease_left(now);
    heartbeat.committee = election_.announced_committee();
    heartbeat.candidates = told_candidates(now);
    heartbeat.timeout = slave_.elector().options().timeout;
    out.add(Publish{Channel::heartbeat, slave_.make(std::move(heartbeat))});
}

void CandidateCore::answer_status(Route route, const StatusRequest& request, RawTime now, Actions& out) {
    StatusAnswer answer;
    const Discipline& clock = slave_.discipline();
    answer.role = election_.role();
    answer.leader = election_.leader();
    answer.round = election_.leads() ? master_.round() : slave_.applied_round();
    answer.state = master_.state();
    answer.status = slave_.status();
    answer.bound = clock.bound(now);
    answer.cluster_time = clock.map().cluster(now);
    answer.disruptions = clock.disruptions();
    answer.candidates = slave_.directory().descriptions(now);
    answer.first_member = request.first_member;
    answer.committee = slave_.elector().committee();
    answer.lease_left = election_.lease_left(now);
    answer.members_total = static_cast<std::uint32_t>(master_.roster().size());
    const auto& members = master_.roster().members();
    // By name the next page is found at once; by number only an early release of berkeleyctl asks.
    auto next = request.after.empty() ? members.begin() : members.upper_bound(request.after);
    if (request.after.empty()) {
        for (std::uint32_t i = 0; i < request.first_member && next != members.end(); ++i) ++next;
    }
    for (; next != members.end(); ++next) {
        const auto& [id, member] = *next;
        if (answer.members.size() == kMaxStatusMembers) break;
        MemberStatus status;
        status.id = id;
        status.status = member->reply ? member->reply->status : ClockStatus::unsynchronized;
        status.outlier = member->last.outlier;
        status.offset = std::clamp(member->last.offset, Duration{-kDurationMax}, Duration{kDurationMax});
        status.delay = member->last.delay;
        status.bound = member->last.bound;
        status.freq_ppb = member->last.freq_ppb;
        status.unapplied = member->unapplied;
        status.last_seen = std::max(Duration{0}, now - member->heard_at);
        answer.members.push_back(status);
    }
    out.add(SendToRoute{route, slave_.make(std::move(answer)), 0});
}

}  // namespace berkeley
