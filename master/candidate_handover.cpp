// How a candidate ends its leadership on purpose: whom it hands over to, and how long its own vote is needed.

#include <algorithm>
#include <utility>

#include "master/candidate_core.hpp"

namespace berkeley {

namespace {

/// The longest time that a node stays for its successor's sake after it was asked to stop: an election, the
/// removal of a dead voter and of this one, and the voters' disks. A service manager still waits by then.
constexpr int kStayTimeouts = 4;
constexpr Duration kStayForDisks = std::chrono::milliseconds{500};
constexpr Duration kStayMax = std::chrono::seconds{4};
/// A candidate that lives is heard each second.
constexpr Duration kAlive = std::chrono::seconds{3};

}  // namespace

void CandidateCore::tell_step_down(const NodeId& successor, Actions& out) const {
    const SlaveCoreOptions& self = options_.slave;
    // The term that ends here; a newer one may be known by now.
    const Message message{{self.cluster, self.id, led_term_}, StepDown{successor}};
    out.add(Publish{Channel::publish, message});
    out.add(Publish{Channel::heartbeat, message});
}

NodeId CandidateCore::successor() const {
    const CandidateInfo* best = nullptr;
    bool best_knows = false;
    for (const auto& [id, member] : master_.roster().members()) {
        if (!member->candidate || !member->reply || member->missed > 0) continue;
        // The cluster's time would go with it.
        if (member->falseticker || member->last.outlier) continue;
        // A standby that does not know the time leads only where no other can.
        const bool knows = member->reply->status == ClockStatus::synchronized ||
                           member->reply->status == ClockStatus::holdover;
        if (best == nullptr ||
            std::pair{knows, member->candidate->priority} > std::pair{best_knows, best->priority}) {
            best = &*member->candidate;
            best_knows = knows;
        }
    }
    return best == nullptr ? NodeId{} : best->id;
}

bool CandidateCore::is_members(Route route) const {
    const auto& members = master_.roster().members();
    return std::any_of(members.begin(), members.end(),
                       [&](const auto& m) { return m.second->route == route; });
}

/// Handles berkeleyctl's request to forget a candidate that is gone for good.
void CandidateCore::on_forget_request(Route route, const NodeId& id, RawTime now, Actions& out) {
    if (is_members(route)) return drop("not-allowed", out);
    const auto* known = slave_.directory().find(id);
    std::string why;
    if (id == options_.slave.id) {
        why = id.str() + " is this candidate itself";
    } else if (known == nullptr) {
        why = "no candidate " + id.str() + " is known here";
    } else if (now - known->heard_at < kAlive) {
        why = id.str() + " is alive, so it would be known again at once: stop it first";
    }
    if (!why.empty()) return refuse(route, 0, RefuseKind::not_allowed, why, out);
    slave_.forget_candidate(id, now, out);
    out.add(EmitEvent{NoteEvent{Severity::info, "forgot the candidate " + id.str() + ", as asked"}});
    answer_status(route, {}, now, out);
}

/// Handles berkeleyctl's request to step down. Members of the cluster may not ask for it.
void CandidateCore::on_step_down_request(Route route, const NodeId& to, RawTime now, Actions& out) {
    const auto& members = master_.roster().members();
    const auto found = members.find(to);
    const bool able = found != members.end() && found->second->candidate && found->second->replied_in_term;
    const NodeId& self = options_.slave.id;
    if (is_members(route)) return drop("not-allowed", out);
    std::string why;
    if (!election_.leads()) {
        why = self.str() + " does not lead" +
              (election_.leader().empty() ? "" : "; " + election_.leader().str() + " does");
    } else if (to.empty() && successor().empty()) {
        why = "there is no standby to hand over to";
    } else if (!to.empty() && !able) {
        why = to.str() + " is no standby that follows " + self.str();
    }
    if (!why.empty()) return refuse(route, 0, RefuseKind::not_allowed, why, out);
    hand_over("asked to step down", to.empty() ? successor() : to, now, out);
    answer_status(route, {}, now, out);
}

void CandidateCore::hand_over(std::string_view why, const NodeId& next, RawTime now, Actions& out) {
    // The lease ends here: this node publishes no correction after this.
    master_.stop_term();
    tell_step_down(next, out);
    out.add(EmitEvent{
        NoteEvent{Severity::info, next.empty() ? "no standby to hand over to"
                                               : "handing over to " + next.str() + ": " + std::string(why)}});
    if (next.empty()) {
        election_.step_down(std::string(why), now);
    } else {
        election_.hand_over(std::string(why), now);
    }
    // The successor may need this node's vote too.
    slave_.elector().on_step_down(options_.slave.id, led_term_);
}

/// Where this node is the only voter, or one of two that live, its successor needs its vote. Once elected,
/// the successor removes it from the committee like any surplus voter. Leaving earlier would be no better
/// than a crash.
void CandidateCore::resign(RawTime now, Actions& out) {
    election_.retire();
    if (!election_.leads()) return;
    const NodeId next = successor();
    if (!next.empty() && !election_.leadership().others_are_majority(now)) {
        const Duration stay = kStayTimeouts * slave_.elector().options().timeout + kStayForDisks;
        stays_until_ = now + std::min(stay, kStayMax);
    }
    hand_over("asked to stop", next, now, out);
    if (vote_needed(now)) {
        out.add(EmitEvent{
            NoteEvent{Severity::info, "staying until " + next.str() + " no longer needs this node's vote"}});
    }
}

bool CandidateCore::vote_needed(RawTime now) const {
    if (!stays_until_ || now >= *stays_until_) return false;
    const auto& members = master_.roster().members();
    const bool somebody = std::any_of(members.begin(), members.end(),
                                      [](const auto& m) { return m.second->candidate.has_value(); });
    return somebody && slave_.elector().is_voter() && !slave_.elector().disabled();
}

void CandidateCore::stop(RawTime now, Actions& out) {
    resign(now, out);
    slave_.stop(out);
    if (slave_.elector().take_changed()) out.add(SaveState{});
    out.add(SaveLearned{});
}

}  // namespace berkeley
