// Elector: the voting half of every node, slaves included. It keeps the node's promises.
//
// Raft's voter (Ongaro and Ousterhout, "In search of an understandable consensus algorithm", 2014; pre-vote
// and leader stickiness: Ongaro's thesis, 2014, section 9.6), for a log that holds one entry, the committee:
//   - one vote a term, persisted before it is given: `changed()` says that the memory must be saved;
//   - no vote while a master is heard, nor for D afterwards: until then its lease may hold;
//   - no vote for D + L after a restart: its acknowledgement before the restart may still support a lease
//     (D and L of then, where they were longer);
//   - no vote for a candidate whose D is longer: its lease would outlast this voter's silence;
//   - no vote for a candidate whose committee is older than the one known here.
// Times are raw times. Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

/// The state that survives a restart.
struct ElectorMemory {
    Term term = 0;     ///< the newest seen
    NodeId voted_for;  ///< in `term`; empty: nobody
    Committee committee;
    Duration timeout{0};  ///< D by which the promises were made; 0: not known
    friend bool operator==(const ElectorMemory&, const ElectorMemory&) = default;
};

struct ElectorOptions {
    NodeId id;
    Incarnation incarnation = 0;
    Duration timeout = std::chrono::milliseconds{500};  ///< D
    Duration lease = std::chrono::milliseconds{400};    ///< L, <= 0.8 D
};

/// Whether `a` was made after `b`.
bool newer(const Committee& a, const Committee& b);
bool contains(const Committee& committee, const NodeId& id, Incarnation incarnation);
/// The number of its voters that decide.
std::size_t majority(const Committee& committee);

class Elector {
public:
    Elector(const ElectorOptions& options, ElectorMemory memory, RawTime now);

    /// Takes a leading candidate's heartbeat. Returns true where it must be acknowledged (it is of the
    /// newest term known).
    bool on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now);
    /// The leader gave its lease back, so its successor need not be refused.
    void on_step_down(const NodeId& from, Term term);
    /// This node leads and has just sent a heartbeat of its own.
    void record_own_heartbeat(RawTime now);

    /// Decides on a request for a vote in `term`. Returns the reason of a refusal; empty: granted.
    std::string_view judge(const NodeId& from, Term term, const VoteRequest& request, RawTime now);

    /// Takes over a term seen elsewhere, in which this node has not voted. A term too far ahead is not
    /// believed.
    void observe(Term term);
    bool plausible(Term term) const {
        return term <= (memory_.term == 0 ? kTermFirstMax : std::min(memory_.term + kTermJumpMax, kTermMax));
    }
    /// Takes the committee where it is newer.
    void adopt(const Committee& committee);
    /// Takes the committee whatever was known: only for a node that founded a cluster without knowing of
    /// this one.
    void replace(const Committee& committee);
    /// Never votes again in this life. `why`: what its refusals say, a literal.
    void disable(std::string_view why = "cannot save its vote") {
        disabled_ = true;
        disabled_why_ = why;
    }

    const ElectorMemory& memory() const { return memory_; }
    Term term() const { return memory_.term; }
    const Committee& committee() const { return memory_.committee; }
    /// Whether this node belongs to the committee that it knows.
    bool is_voter() const { return contains(memory_.committee, options_.id, options_.incarnation); }
    /// The machine slept, so promises given to this node for a limited time may have run out.
    void doubt() { doubt_ = true; }
    bool doubts() const { return doubt_; }
    [[nodiscard]] bool take_doubt() { return std::exchange(doubt_, false); }
    bool disabled() const { return disabled_; }
    const ElectorOptions& options() const { return options_; }
    Ack ack(std::uint64_t sequence) const;
    /// Whether the memory has changed and nobody has been asked to save it.
    bool changed() const { return changed_; }
    /// Returns true once after a change: the memory must be on the disk before the node promises anything
    /// else.
    [[nodiscard]] bool take_changed();

private:
    ElectorOptions options_;
    ElectorMemory memory_;
    NodeId leader_;         ///< heard last,
    Term leader_term_ = 0;  ///< and in this term
    RawTime quiet_until_;   ///< no vote before
    RawTime bound_until_;   ///< until then promises of an earlier life hold
    bool changed_ = false;
    bool disabled_ = false;
    std::string_view disabled_why_;
    bool doubt_ = false;
};

}  // namespace berkeley
