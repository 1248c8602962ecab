// Leadership: what a leading candidate holds: its lease, and the committee that it may change.
//
// The lease is the send-time of the newest heartbeat that a majority of the committee has acknowledged, plus
// L: a voter that heard that heartbeat votes for nobody else for D > L. The committee changes by one voter at
// a time (Ongaro's thesis, 2014, section 4.1, with the correction of 2015: a new leader first has its
// predecessor's committee confirmed under its own term), and only when a majority has acknowledged the last
// change. Wanted: the candidates that live, then slaves up to kFill, an odd number of them. A node may become
// a voter after it has acknowledged kLearned heartbeats in a row, so that a dead one never costs the
// majority. Pure; not thread-safe.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "election/elector.hpp"

namespace berkeley {

/// Slaves are voters only as far as it takes to have so many.
inline constexpr std::size_t kFill = 5;

class Leadership {
public:
    static constexpr std::uint32_t kLearned = 3;
    static constexpr std::size_t kHeartbeatsKept = 64;

    /// `committee`: the newest known; issued anew under `term`.
    void begin(const ElectorOptions& options, Duration heartbeat_interval, Term term, Committee committee,
               RawTime now);

    /// A heartbeat is sent now; its number.
    std::uint64_t beat(RawTime now);
    /// `candidate`: whether that node can lead.
    void on_ack(const NodeId& from, const Ack& ack, bool candidate, RawTime now);
    void forget(const NodeId& id) { nodes_.erase(id); }

    const Committee& committee() const { return committee_; }
    /// A majority knows the committee as it is.
    bool settled() const;
    bool has_lease(RawTime now) const { return now < lease_until(); }
    RawTime lease_until() const;
    /// Nobody can have led meanwhile: to be believed until then even without a lease, to get the first one.
    bool lost(RawTime now) const;
    /// Changes the committee by one voter where that is due; true where it did.
    /// `alone`: no other candidate is known. Voters could elect nobody else then, and the cluster would only
    /// depend on them.
    bool change(RawTime now, bool alone);
    /// Enough voters have acknowledged something of late to elect a leader, and keep it, without this node.
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
    /// Ready to become a voter.
    std::vector<std::pair<Voter, bool>> learners(RawTime now) const;
    void set(std::vector<Voter> voters);

    ElectorOptions options_;
    Duration heartbeat_interval_{0};
    Committee committee_;
    RawTime begun_at_{};
    std::uint64_t sequence_ = 0;
    std::array<RawTime, kHeartbeatsKept> sent_{};
    std::map<NodeId, Node> nodes_;  ///< those that have acknowledged; the shell's roster bounds it
};

}  // namespace berkeley
