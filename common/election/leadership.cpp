#include "election/leadership.hpp"

#include <algorithm>

namespace berkeley {

namespace {

/// A voter silent for so many timeouts is replaced, where a learner is ready.
constexpr int kDeadTimeouts = 3;
/// How long voters may take to write a committee.
constexpr Duration kSavePatience = std::chrono::milliseconds{500};
/// Acknowledgements no farther apart than this count as in a row.
constexpr std::uint64_t kGapMax = 2;
constexpr std::size_t kNodesMax = 4 * (kMaxCandidates + kMaxCommittee);

std::size_t odd_at_most(std::size_t n) { return n % 2 == 1 ? n : n - (n > 0 ? 1 : 0); }

}  // namespace

void Leadership::begin(const ElectorOptions& options, Duration heartbeat_interval, Term term,
                       Committee committee, RawTime now) {
    options_ = options;
    heartbeat_interval_ = heartbeat_interval;
    committee_ = std::move(committee);
    committee_.term = term;
    committee_.version = 1;
    begun_at_ = now;
    sequence_ = 0;
    sent_ = {};
    nodes_.clear();
}

std::uint64_t Leadership::beat(RawTime now) {
    sent_[++sequence_ % kHeartbeatsKept] = now;
    return sequence_;
}

void Leadership::on_ack(const NodeId& from, const Ack& ack, bool candidate, RawTime now) {
    // An acknowledgement of a heartbeat that was never sent, or sent long ago, tells nothing.
    if (ack.sequence == 0 || ack.sequence > sequence_ || ack.sequence + kHeartbeatsKept <= sequence_) return;
    if (!nodes_.contains(from) && nodes_.size() >= kNodesMax) make_room(now);
    if (!nodes_.contains(from) && nodes_.size() >= kNodesMax) return;
    Node& node = nodes_[from];
    if (node.incarnation != ack.incarnation) node = Node{};
    node.incarnation = ack.incarnation;
    node.candidate = candidate;
    node.heard_at = now;
    node.committee_term = ack.committee_term;
    node.committee_version = ack.committee_version;
    if (ack.sequence <= node.sequence) return;
    node.in_a_row = ack.sequence - node.sequence <= kGapMax || node.sequence == 0 ? node.in_a_row + 1 : 1;
    node.sequence = ack.sequence;
    node.sent_at = sent_[ack.sequence % kHeartbeatsKept];
}

/// Names that come and go must not keep a living node from becoming a voter.
void Leadership::make_room(RawTime now) {
    std::erase_if(nodes_, [&](const auto& known) {
        return now - known.second.heard_at > kDeadTimeouts * options_.timeout &&
               !contains(committee_, known.first, known.second.incarnation);
    });
}

void Leadership::forget(const NodeId& id) {
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return;
    const bool voter = contains(committee_, id, found->second.incarnation);
    // A voter's acknowledgements still hold after it left, so its entry stays.
    if (voter) {
        found->second.heard_at = begun_at_ - 2 * kDeadTimeouts * options_.timeout;
        found->second.in_a_row = 0;
    } else {
        nodes_.erase(found);
    }
}

const Leadership::Node* Leadership::node_of(const Voter& voter) const {
    const auto found = nodes_.find(voter.id);
    return found != nodes_.end() && found->second.incarnation == voter.incarnation ? &found->second : nullptr;
}

bool Leadership::settled() const {
    std::size_t know = 0;
    for (const Voter& voter : committee_.voters) {
        const Node* node = node_of(voter);
        const bool self = voter.id == options_.id && voter.incarnation == options_.incarnation;
        if (self || (node != nullptr && node->committee_term == committee_.term &&
                     node->committee_version == committee_.version)) {
            ++know;
        }
    }
    return know >= majority(committee_);
}

RawTime Leadership::lease_until() const {
    std::vector<RawTime> sent;
    for (const Voter& voter : committee_.voters) {
        if (voter.id == options_.id && voter.incarnation == options_.incarnation) {
            // The only voter needs no other's acknowledgement.
            if (committee_.voters.size() == 1) return RawTime::max();
            sent.push_back(sent_[sequence_ % kHeartbeatsKept]);
        } else if (const Node* node = node_of(voter); node != nullptr && node->sequence > 0) {
            sent.push_back(node->sent_at);
        }
    }
    if (sent.size() < majority(committee_)) return RawTime::min();
    const auto decisive = sent.begin() + static_cast<std::ptrdiff_t>(majority(committee_) - 1);
    std::nth_element(sent.begin(), decisive, sent.end(), std::greater<>{});
    return *decisive + options_.lease;
}

bool Leadership::lost(RawTime now) const {
    const RawTime until = lease_until();
    // The voters' disks are still writing a new committee. Without a lease nobody is corrected, so waiting
    // is safe; giving up would make them write the next term.
    const bool waits = until != RawTime::min() && until != RawTime::max() && !settled();
    return now >= std::max(waits ? until + kSavePatience : until, begun_at_ + options_.timeout);
}

bool Leadership::alive(const Voter& voter, RawTime now) const {
    if (voter.id == options_.id) return voter.incarnation == options_.incarnation;
    const Node* node = node_of(voter);
    if (node == nullptr)
        return nodes_.contains(voter.id) ? false : now - begun_at_ <= kDeadTimeouts * options_.timeout;
    return now - node->heard_at <= kDeadTimeouts * options_.timeout;
}

bool Leadership::others_are_majority(RawTime now) const {
    const auto others =
        std::count_if(committee_.voters.begin(), committee_.voters.end(), [&](const Voter& v) {
            const Node* node = node_of(v);
            return v.id != options_.id && node != nullptr && now - node->heard_at <= options_.timeout;
        });
    return static_cast<std::size_t>(others) >= majority(committee_);
}

std::vector<std::pair<Voter, bool>> Leadership::learners(RawTime now) const {
    std::vector<std::pair<Voter, bool>> ready;
    if (!contains(committee_, options_.id, options_.incarnation)) {
        ready.push_back({{options_.id, options_.incarnation}, true});
    }
    for (const bool candidate : {true, false}) {
        for (const auto& [id, node] : nodes_) {
            if (node.candidate != candidate || node.in_a_row < kLearned) continue;
            if (now - node.heard_at > kLearned * heartbeat_interval_) continue;
            if (!contains(committee_, id, node.incarnation))
                ready.push_back({{id, node.incarnation}, candidate});
        }
    }
    return ready;
}

bool Leadership::change(RawTime now, bool alone) {
    if (!settled() || !has_lease(now)) return false;
    const auto ready = learners(now);
    const auto is_candidate = [&](const Voter& voter) {
        const Node* node = node_of(voter);
        return voter.id == options_.id || (node != nullptr && node->candidate);
    };
    std::size_t living = 0;
    std::size_t candidates = 0;
    std::vector<Voter> voters = committee_.voters;
    const Voter* dead = nullptr;
    const Voter* slave = nullptr;
    for (const Voter& voter : voters) {
        if (!alive(voter, now)) {
            dead = &voter;
            continue;
        }
        ++living;
        if (is_candidate(voter)) {
            ++candidates;
        } else {
            slave = &voter;
        }
    }
    for (const auto& [voter, candidate] : ready) candidates += candidate ? 1U : 0U;
    const std::size_t filled =
        std::min({living + ready.size(), std::max(candidates + 1, kFill), kMaxCommittee});
    const std::size_t wanted = alone && candidates <= 1 ? 1 : odd_at_most(filled);
    const auto remove = [&](const Voter* gone) {
        voters.erase(voters.begin() + (gone - voters.data()));
        set(std::move(voters));
        return true;
    };
    const bool candidate_waits = !ready.empty() && ready.front().second && slave != nullptr;
    // The only voter handed the leadership to this node, which must not depend on that voter for ever.
    const bool outside = !contains(committee_, options_.id, options_.incarnation);
    const bool replaces =
        voters.size() == wanted && !ready.empty() && (dead != nullptr || candidate_waits || outside);
    // A voter that came back without its memory blocks itself: its old entry goes first.
    const auto renamed = std::find_if(voters.begin(), voters.end(), [&](const Voter& voter) {
        return std::any_of(ready.begin(), ready.end(), [&](const auto& r) { return r.first.id == voter.id; });
    });
    if (renamed != voters.end()) return remove(&*renamed);
    // There is no room to take in the new voter first.
    if (replaces && voters.size() == kMaxCommittee) {
        const Voter* gone = dead != nullptr ? dead : slave;
        return gone != nullptr && remove(gone);
    }
    if ((voters.size() < wanted || replaces) && voters.size() < kMaxCommittee && !ready.empty()) {
        voters.push_back(ready.front().first);
        set(std::move(voters));
        return true;
    }
    if (voters.size() > wanted && dead != nullptr) return remove(dead);
    if (voters.size() > wanted && slave != nullptr) return remove(slave);
    if (voters.size() > wanted && voters.size() % 2 == 0) {
        // With two voters both would be needed for ever.
        const auto other =
            std::find_if(voters.rbegin(), voters.rend(), [&](const Voter& v) { return v.id != options_.id; });
        if (other != voters.rend()) return remove(&*other);
    }
    return false;
}

void Leadership::set(std::vector<Voter> voters) {
    committee_.voters = std::move(voters);
    ++committee_.version;
}

}  // namespace berkeley
