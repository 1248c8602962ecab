#include "election/elector.hpp"

#include <algorithm>
#include <utility>

namespace berkeley {

bool newer(const Committee& a, const Committee& b) {
    return std::pair{a.term, a.version} > std::pair{b.term, b.version};
}

bool contains(const Committee& committee, const NodeId& id, Incarnation incarnation) {
    const auto same = [&](const Voter& voter) { return voter.id == id && voter.incarnation == incarnation; };
    return std::any_of(committee.voters.begin(), committee.voters.end(), same);
}

std::size_t majority(const Committee& committee) { return committee.voters.size() / 2 + 1; }

Elector::Elector(const ElectorOptions& options, ElectorMemory memory, RawTime now)
    : options_(options), memory_(std::move(memory)), quiet_until_(now), bound_until_(now) {
    if (memory_.term == 0) {
        memory_.timeout = options_.timeout;
        return;
    }
    // An earlier life may have acknowledged a heartbeat just before it ended.
    const Duration longer = std::max(Duration{0}, memory_.timeout - options_.timeout);
    quiet_until_ = bound_until_ = now + options_.timeout + options_.lease + 2 * longer;
    memory_.timeout = std::max(memory_.timeout, options_.timeout);
}

bool Elector::on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now) {
    if (heartbeat.role != Role::master && heartbeat.role != Role::warmup) return false;
    if (term < memory_.term || !plausible(term)) return false;
    // A term has one leader. Where two candidates each founded a cluster, a voter keeps to the leader that
    // it knows.
    if (term == leader_term_ && from != leader_ && now < quiet_until_) return false;
    observe(term);
    if (heartbeat.committee.term <= term) adopt(heartbeat.committee);
    leader_ = from;
    leader_term_ = term;
    quiet_until_ = std::max(quiet_until_, now + options_.timeout);
    if (changed_ && now >= bound_until_) memory_.timeout = options_.timeout;
    return !disabled_;
}

void Elector::on_step_down(const NodeId& from, Term term) {
    if (term == memory_.term && from == leader_) quiet_until_ = RawTime::min();
}

void Elector::record_own_heartbeat(RawTime now) {
    leader_ = options_.id;
    leader_term_ = memory_.term;
    quiet_until_ = std::max(quiet_until_, now + options_.timeout);
}

std::string_view Elector::judge(const NodeId& from, Term term, const VoteRequest& request, RawTime now) {
    if (disabled_) return disabled_why_;
    if (!plausible(term)) return "the term is too far ahead";
    if (request.timeout > options_.timeout) return "its --heartbeat-timeout is longer than this node's";
    const bool voted = term == memory_.term && memory_.voted_for == from;
    if (term < memory_.term) return "a newer term has begun";
    if (term == memory_.term && !voted && !memory_.voted_for.empty()) return "voted already";
    if (std::pair{request.committee_term, request.committee_version} <
        std::pair{memory_.committee.term, memory_.committee.version}) {
        return "the committee is newer here";
    }
    // A vote is given again to the same candidate, because the answer may have been lost. Otherwise the
    // voter keeps a master that it hears.
    if (!voted && now < quiet_until_) return "a master is heard, or was of late";
    if (request.pre_vote || voted) return {};
    memory_.term = term;
    memory_.voted_for = from;
    if (now >= bound_until_) memory_.timeout = options_.timeout;
    changed_ = true;
    return {};
}

void Elector::observe(Term term) {
    if (term <= memory_.term || !plausible(term)) return;
    memory_.term = term;
    memory_.voted_for = NodeId{};
    changed_ = true;
}

void Elector::adopt(const Committee& committee) {
    if (newer(committee, memory_.committee)) replace(committee);
}

void Elector::replace(const Committee& committee) {
    memory_.committee = committee;
    changed_ = true;
}

Ack Elector::ack(std::uint64_t sequence) const {
    return {sequence, options_.incarnation, memory_.committee.term, memory_.committee.version};
}

bool Elector::take_changed() { return std::exchange(changed_, false); }

}  // namespace berkeley
