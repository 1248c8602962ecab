// Elector: the voting half of every node, slaves included: what it has promised, and to whom.
//
// Raft's voter (Ongaro and Ousterhout, "In search of an understandable consensus algorithm", 2014; pre-vote
// and leader stickiness: Ongaro's thesis, 2014, section 9.6), for a log that holds one entry, the committee:
//   - one vote a term, to be persisted before it is given: `changed()` says that the memory must be saved
//   first;
//   - no vote while a master is heard, nor for D after it was: until then its lease may hold;
//   - none for D + L after a restart, since a promise by silence may have been made before it;
//   - none to a candidate whose committee is older than the one known here.
// Times are raw times. Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

/// What survives a restart.
struct ElectorMemory {
    Term term = 0;     ///< the newest seen
    NodeId voted_for;  ///< in `term`; empty: nobody
    Committee committee;
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
/// How many of its voters decide.
std::size_t majority(const Committee& committee);

class Elector {
public:
    Elector(const ElectorOptions& options, ElectorMemory memory, RawTime now);

    /// A leading candidate's heartbeat; true where it is to be acknowledged (it is of the newest term known).
    bool on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now);
    /// The leader gave its lease back: its successor need not be refused.
    void on_step_down(const NodeId& from, Term term);
    /// This node leads itself, and has just said so.
    void record_own_heartbeat(RawTime now);

    /// Why the request is refused; empty: granted. `term`: the one that is asked for.
    std::string_view judge(const NodeId& from, Term term, const VoteRequest& request, RawTime now);

    /// A term seen elsewhere, in which this node has not voted. One too far ahead is not believed.
    void observe(Term term);
    bool plausible(Term term) const {
        return term <= (memory_.term == 0 ? kTermFirstMax : std::min(memory_.term + kTermJumpMax, kTermMax));
    }
    /// Takes the committee where it is newer.
    void adopt(const Committee& committee);
    /// The same, whatever was known: only for a node that founded a cluster without knowing of that one.
    void replace(const Committee& committee);
    /// Never votes again in this life (its memory cannot be saved).
    void disable() { disabled_ = true; }

    const ElectorMemory& memory() const { return memory_; }
    Term term() const { return memory_.term; }
    const Committee& committee() const { return memory_.committee; }
    /// Belongs to the committee that it knows.
    bool is_voter() const { return contains(memory_.committee, options_.id, options_.incarnation); }
    /// The machine slept: what was promised to this node for a time may have run out.
    void doubt() { doubt_ = true; }
    bool doubts() const { return doubt_; }
    [[nodiscard]] bool take_doubt() { return std::exchange(doubt_, false); }
    bool disabled() const { return disabled_; }
    const ElectorOptions& options() const { return options_; }
    Ack ack(std::uint64_t sequence) const;
    /// Something is not yet told to be saved.
    bool changed() const { return changed_; }
    /// True once after the memory changed: it must be on the disk before anything else is promised.
    [[nodiscard]] bool take_changed();

private:
    ElectorOptions options_;
    ElectorMemory memory_;
    NodeId leader_;         ///< heard last,
    Term leader_term_ = 0;  ///< and in this term
    RawTime quiet_until_;   ///< no vote before
    bool changed_ = false;
    bool disabled_ = false;
    bool doubt_ = false;
};

}  // namespace berkeley
