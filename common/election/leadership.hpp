// Leadership: the lease and the committee of a leading candidate.
//
// The lease lasts until L after the send-time of the newest heartbeat that a majority of the committee has
// acknowledged: a voter that heard that heartbeat votes for nobody else for D > L. The committee changes by
// one voter at a time (Ongaro's thesis, 2014, section 4.1, with the correction of 2015: a new leader first
// has its predecessor's committee confirmed under its own term), and only when a majority has acknowledged
// the last change. The leader wants all living candidates, then slaves up to kFill, an odd number of voters.
// A node may become a voter after it has acknowledged kLearned heartbeats in a row, so a dead node never
// costs the majority. Pure; not thread-safe.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "election/elector.hpp"

namespace berkeley {

/// Slaves fill the committee up to this many voters.
inline constexpr std::size_t kFill = 5;

class Leadership {
public:
    static constexpr std::uint32_t kLearned = 3;
    static constexpr std::size_t kHeartbeatsKept = 64;

    /// Begins a term. `committee` is the newest known; it is issued anew under `term`.
    void begin(const ElectorOptions& options, Duration heartbeat_interval, Term term, Committee committee,
               RawTime now);

    /// Records a heartbeat that is sent now. Returns its number.
    std::uint64_t beat(RawTime now);
    /// `candidate` says whether that node can lead.
    void on_ack(const NodeId& from, const Ack& ack, bool candidate, RawTime now);
    /// The node left: it counts as dead at once.
    void forget(const NodeId& id);

    const Committee& committee() const { return committee_; }
    /// Whether a majority has acknowledged the present committee.
    bool settled() const;
    bool has_lease(RawTime now) const { return now < lease_until(); }
    RawTime lease_until() const;
    /// Whether the leadership is lost. A new leader keeps it without a lease until the first
    /// acknowledgements can have come, because nobody else can have led meanwhile.
    bool lost(RawTime now) const;
    /// Changes the committee by one voter where that is due. Returns true where it did. `alone` says that no
    /// other candidate is known: then the voters could elect nobody else, and the cluster would only depend
    /// on them.
    bool change(RawTime now, bool alone);
    /// Whether enough other voters answered recently to elect a leader, and keep it, without this node.
    bool others_are_majority(RawTime now) const;

private:
    struct Node {
        Incarnation incarnation = 0;
        bool candidate = false;
        std::uint64_t sequence = 0;  ///< of the newest heartbeat acknowledged
        std::uint32_t in_a_row = 0;
        RawTime sent_at{};  ///< when that heartbeat was sent
        RawTime heard_at{};
        Term committee_term = 0;
        std::uint64_t committee_version = 0;
    };
    const Node* node_of(const Voter& voter) const;
    bool alive(const Voter& voter, RawTime now) const;
    /// The nodes that are ready to become voters.
    std::vector<std::pair<Voter, bool>> learners(RawTime now) const;
    void set(std::vector<Voter> voters);

    ElectorOptions options_;
    Duration heartbeat_interval_{0};
    Committee committee_;
    RawTime begun_at_{};
    std::uint64_t sequence_ = 0;
    std::array<RawTime, kHeartbeatsKept> sent_{};
    void make_room(RawTime now);

    std::map<NodeId, Node> nodes_;  ///< the nodes that have acknowledged; at most kNodesMax
};

}  // namespace berkeley
