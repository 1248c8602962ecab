#include "sim/invariants.hpp"

#include <algorithm>
#include <numeric>

namespace berkeley::sim {

namespace {

using NodeIndex = SimCluster::NodeIndex;

/// The simulation's own grain: we read clocks at instants between two ticks of an oscillator.
constexpr Duration kGrain{2};
/// A process notices its deadline a little after it.
constexpr Duration kNoticing = std::chrono::milliseconds{20};

Duration magnitude(Duration d) { return d < Duration{0} ? -d : d; }

/// 1234 is "1.234".
std::string thousandths(std::int64_t value) {
    std::string digits = std::to_string(value < 0 ? -value : value);
    if (digits.size() < 4) digits.insert(0, 4 - digits.size(), '0');
    digits.insert(digits.size() - 3, ".");
    return value < 0 ? "-" + digits : digits;
}

std::string us(Duration d) { return thousandths(d.count()) + " us"; }

std::string text(std::pair<Term, Round> at) {
    return "term " + std::to_string(at.first) + " round " + std::to_string(at.second);
}

}  // namespace

std::string to_string(const Violation& violation) {
    return "invariant " + std::to_string(violation.invariant) + " at " +
           thousandths(to_ns(violation.at) / 1'000'000) + " s: " + violation.what;
}

Invariants::Invariants(SimCluster& cluster) : cluster_(cluster) {
    cluster_.on_change = [this](NodeIndex index) { on_change(index); };
    cluster_.on_event = [this](NodeIndex index, const Event& event) { on_event(index, event); };
}

std::uint64_t Invariants::total() const {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

void Invariants::report(int invariant, std::string what) {
    if (counts_.at(static_cast<std::size_t>(invariant))++ == 0) {
        violations_.push_back({invariant, cluster_.now(), std::move(what)});
    }
}

Invariants::Watched& Invariants::watched(NodeIndex index) {
    if (watched_.size() <= index) watched_.resize(cluster_.size());
    Watched& node = watched_[index];
    if (node.life != cluster_.life(index)) {  // another process, another clock
        node = {};
        node.life = cluster_.life(index);
    }
    return node;
}

bool Invariants::is_correct(NodeIndex index) const {
    return cluster_.alive(index) && !cluster_.lies(index) && !cluster_.spec(index).faulty &&
           !cluster_.stalled_unnoticed(index);
}

bool Invariants::leads(NodeIndex index) const {
    const CandidateCore* candidate = cluster_.candidate(index);
    return candidate != nullptr && candidate->election().leads();
}

bool Invariants::synchronized(NodeIndex index) const {
    if (!cluster_.alive(index) || cluster_.sleeping(index)) return false;
    const Discipline& clock = cluster_.slave(index).discipline();
    if (clock.status() != ClockStatus::synchronized) return false;
    return !cluster_.paused(index) || clock.next_deadline() >= cluster_.raw(index);
}

/// A master that has stepped down keeps its own time until a later term corrects it.
Term Invariants::followed_term(NodeIndex index) const {
    const SlaveCore& core = cluster_.slave(index);
    if (leads(index)) return core.term();
    const bool same_life = index < watched_.size() && watched_[index].life == cluster_.life(index);
    return std::max(core.applied_term(), same_life ? watched_[index].led : Term{0});
}

std::optional<Duration> Invariants::error(NodeIndex index) const {
    const auto found = references_.find(followed_term(index));
    if (found == references_.end() || !found->second.known) return std::nullopt;
    const Reference& reference = found->second;
    if (reference.leader == index && leads(index)) return Duration{0};
    const Duration missed = cluster_.stood_still(reference.leader) - reference.stood_still;
    return cluster_.clock(index) - reference.map.cluster(cluster_.raw(reference.leader) + missed);
}

void Invariants::follow_leader(NodeIndex index) {
    if (!leads(index)) return;
    const CandidateCore& candidate = *cluster_.candidate(index);
    const Term term = candidate.election().term();
    watched(index).led = term;
    const auto [found, first] = references_.try_emplace(term);
    if (first) found->second.leader = index;
    if (found->second.leader != index) {
        report(7, "term " + std::to_string(term) + " is led by " + cluster_.spec(index).id + " and by " +
                      cluster_.spec(found->second.leader).id);
        return;
    }
    const Discipline& clock = candidate.slave().discipline();
    if (!clock.trusted() || cluster_.sleeping(index) || cluster_.stalled_unnoticed(index)) return;
    found->second.map = clock.map();
    found->second.stood_still = cluster_.stood_still(index);
    found->second.known = true;
}

void Invariants::on_change(NodeIndex index) {
    if (!cluster_.alive(index)) return;
    follow_leader(index);
    if (is_correct(index)) check_clock(index);
}

void Invariants::check_clock(NodeIndex index) {
    Watched& node = watched(index);
    const SlaveCore& core = cluster_.slave(index);
    const Discipline& clock = core.discipline();
    const RawTime raw = cluster_.raw(index);
    const ClusterTime time = clock.map().cluster(raw);
    const Duration certain = clock.bound(raw) - magnitude(clock.map().slew_left(raw));
    const std::pair measured_in{core.applied_term(), core.applied_round()};
    const bool same_clock = node.jumps == clock.jumps();
    const std::string& name = cluster_.spec(index).id;
    if (same_clock && time < node.last) report(3, name + " ran back by " + us(node.last - time));
    if (same_clock && node.measured_in == measured_in && node.measured_at == clock.measured_at() &&
        certain + kGrain < node.certain) {
        report(4, name + "'s bound shrank from " + us(node.certain) + " to " + us(certain));
    }
    node.jumps = clock.jumps();
    node.last = time;
    node.certain = certain;
    node.measured_in = measured_in;
    node.measured_at = clock.measured_at();
}

void Invariants::on_event(NodeIndex index, const Event& event) {
    if (const auto* correction = std::get_if<CorrectionEvent>(&event)) {
        if (correction->applied != Applied::refused) on_correction(index, *correction);
    } else if (const auto* round = std::get_if<RoundEvent>(&event)) {
        on_round(index, *round);
    }
}

void Invariants::on_correction(NodeIndex index, const CorrectionEvent& correction) {
    follow_leader(index);
    Watched& node = watched(index);
    const std::pair now{followed_term(index), correction.round};
    if (is_correct(index) && now <= node.corrected) {
        report(6, cluster_.spec(index).id + " applied " + text(now) + " after " + text(node.corrected));
    }
    node.corrected = now;
    node.corrected_at = cluster_.now();
}

void Invariants::on_round(NodeIndex index, const RoundEvent& round) {
    if (round.state != RoundState::steady || !is_correct(index)) return;
    // The range of the honest clocks: the master's measurement of each, with the bound that it handed down.
    Duration low{0};
    Duration high{0};
    std::size_t liars = 0;
    for (const PeerResult& peer : round.peers) {
        if (!is_correct(cluster_.index(peer.id.str()))) {
            ++liars;
            continue;
        }
        low = std::min(low, peer.offset - peer.bound);
        high = std::max(high, peer.offset + peer.bound);
    }
    const std::size_t clocks = round.peers.size() + 1;
    if (liars > std::max<std::size_t>(1, (clocks - 1) / 3)) return;
    if (round.average < low || round.average > high) {
        report(5, cluster_.spec(index).id + " made " + us(round.average) +
                      " the average of honest clocks between " + us(low) + " and " + us(high));
    }
}

void Invariants::check() {
    for (NodeIndex index = 0; index < cluster_.size(); ++index) {
        if (!cluster_.alive(index)) continue;
        follow_leader(index);
        if (!is_correct(index)) continue;
        check_clock(index);
        const Discipline& clock = cluster_.slave(index).discipline();
        const bool promises = synchronized(index) || (!cluster_.sleeping(index) && !cluster_.paused(index) &&
                                                      clock.status() == ClockStatus::holdover);
        if (!promises) continue;
        const Duration bound = clock.bound(cluster_.raw(index));
        if (const auto off = error(index); off && magnitude(*off) > bound + kGrain) {
            report(1,
                   cluster_.spec(index).id + " is off by " + us(*off) + ", beyond its bound of " + us(bound));
        }
        if (!synchronized(index)) continue;
        const Duration silent = cluster_.now() - watched(index).corrected_at;
        // Three rounds and two seconds of the node's own oscillator.
        const Duration deadline = 3 * cluster_.options().interval + std::chrono::seconds{2};
        const Duration limit = deadline + deadline / 8 + kNoticing;
        if (!leads(index) && silent > limit) {
            report(8, cluster_.spec(index).id + " is still SYNCHRONIZED " + us(silent) +
                          " after its last correction");
        }
    }
    check_leases();
    check_pairs();
}

void Invariants::check_leases() {
    std::optional<NodeIndex> holder;
    for (NodeIndex index = 0; index < cluster_.size(); ++index) {
        const CandidateCore* candidate = cluster_.candidate(index);
        if (candidate == nullptr || !cluster_.alive(index) || cluster_.sleeping(index)) continue;
        if (cluster_.stalled_unnoticed(index)) continue;
        if (!candidate->election().has_lease(cluster_.raw(index))) continue;
        if (holder)
            report(7, cluster_.spec(index).id + " and " + cluster_.spec(*holder).id + " hold a lease");
        holder = index;
    }
}

/// |Ci - Cj| <= bi + bj for all pairs, if and only if the greatest left end does not exceed the least right
/// end.
void Invariants::check_pairs() {
    std::optional<NodeIndex> last;
    std::optional<NodeIndex> first;
    ClusterTime greatest_left = ClusterTime::min();
    ClusterTime least_right = ClusterTime::max();
    for (NodeIndex index = 0; index < cluster_.size(); ++index) {
        if (!is_correct(index) || !synchronized(index)) continue;
        const ClusterTime time = cluster_.clock(index);
        const Duration bound = cluster_.slave(index).discipline().bound(cluster_.raw(index));
        if (time - bound > greatest_left) {
            greatest_left = time - bound;
            last = index;
        }
        if (time + bound < least_right) {
            least_right = time + bound;
            first = index;
        }
    }
    if (last && first && greatest_left > least_right + kGrain) {
        report(2, cluster_.spec(*last).id + " and " + cluster_.spec(*first).id + " differ by " +
                      us(greatest_left - least_right) + " more than their bounds allow");
    }
}

}  // namespace berkeley::sim
