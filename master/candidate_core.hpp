// CandidateCore: a node that can lead. It holds a slave core (a standby is disciplined like any slave), a
// master core that runs while it leads, and the election that decides whether it leads.
//
//   links (as a slave) --> SlaveCore ----- term ----> Election <---- heartbeats, STEPDOWN
//   routes (as a master) --> MasterCore <--- leads? ----'   \--> HEARTBEAT, role events
//
// It also answers STATUS requests. Pure: events and `now` in, actions out. Not thread-safe.
#pragma once

#include <map>
#include <set>

#include "election/election.hpp"
#include "master/master_core.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {

struct CandidateOptions {
    SlaveCoreOptions slave;  ///< Requires: `candidate` is set, and election.id == slave.id
    MasterCoreOptions master;
    ElectionOptions election;
};

class CandidateCore {
public:
    CandidateCore(const CandidateOptions& options, Prng prng, RawTime now, ClusterTime initial,
                  const SavedRate& rate);
    CandidateCore(const CandidateCore&) = delete;
    CandidateCore& operator=(const CandidateCore&) = delete;

    void start(RawTime now, Actions& out);
    void on_link_message(Link link, Via via, const Message& message, RawTime received_at, Actions& out);
    void on_route_message(Route route, const Message& message, RawTime received_at, Actions& out);
    void on_sent(std::uint64_t token, RawTime t1) { master_.on_sent(token, t1); }
    void on_unreachable(Route route, Actions& out) { master_.on_unreachable(route, out); }
    void on_timer(RawTime now, Actions& out);
    RawTime next_deadline() const;
    /// Hands over to the best standby, where there is one, and stops leading.
    void resign(RawTime now, Actions& out);
    /// Whether, after resign, the others still need this node's vote to elect the successor.
    bool vote_needed(RawTime now) const;
    /// Says BYE.
    void stop(RawTime now, Actions& out);

    SlaveCore& slave() { return slave_; }
    const SlaveCore& slave() const { return slave_; }
    const MasterCore& master() const { return master_; }
    const Election& election() const { return election_; }

private:
    void on_hello(Route route, const Message& message, const Hello& hello, RawTime now, Actions& out);
    std::string fault_of(const Hello& hello) const;
    void answer_status(Route route, const StatusRequest& request, RawTime now, Actions& out);
    void hear_of_candidates(const Message& message, const Hello& hello, RawTime now, Actions& out);
    void welcome(Route route, const NodeId& to, Generation generation, RawTime now, Actions& out) const;
    void refuse(Route route, Generation generation, RefuseKind kind, std::string_view why,
                Actions& out) const;
    void settle(RawTime now, Actions& out);
    MemberViews views(RawTime now) const;
    std::vector<CandidateInfo> told_candidates(RawTime now) const;
    void report_changes(RawTime now, Actions& out);
    void tell_members(RawTime now, Actions& out);
    void tell_equal_priority(Actions& out);
    void tell_step_down(const NodeId& successor, Actions& out) const;
    void beat(RawTime now, Actions& out);
    void choose_listeners(RawTime now, Actions& out);
    void send_ballots(Actions& out);
    bool from_member(Route route, const NodeId& sender) const;
    bool weigh_term_report(const NodeId& slave, Term term, RawTime now);
    void on_forget_request(Route route, const NodeId& id, RawTime now, Actions& out);
    bool is_members(Route route) const;
    void on_step_down_request(Route route, const NodeId& to, RawTime now, Actions& out);
    void hand_over(std::string_view why, const NodeId& next, RawTime now, Actions& out);
    void drop(std::string_view reason, Actions& out) const { out.add(EmitEvent{DroppedEvent{reason, 1}}); }
    NodeId successor() const;

    CandidateOptions options_;
    SlaveCore slave_;
    MasterCore master_;
    Election election_;
    Role told_role_ = Role::slave;  ///< nothing reported yet
    Term led_term_ = 0;             ///< the term in which the master core runs
    RawTime started_at_{};
    std::optional<RawTime> stays_until_;  ///< the latest time until which it stays for its vote
    std::optional<RawTime> believed_at_;  ///< when reports of fewer than a third last counted
    std::map<NodeId, Term> newer_terms_;  ///< newer terms that slaves reported
    std::map<NodeId, Term> refusals_;     ///< refusals reported already, by voter: one a term
    Committee told_committee_;
    std::set<NodeId> listeners_;         ///< slaves asked to acknowledge heartbeats
    std::uint64_t told_candidates_ = 0;  ///< version last noticed
    NodeId handed_by_;                   ///< the leader that last handed over to this node
    RawTime handed_at_{};
    bool told_leads_ = false;
    NodeId told_leader_;
    RawTime tell_at_ = RawTime::max();  ///< when the members are told of what has changed
    RawTime told_at_{};
    RawTime ranked_at_;           ///< when the others' ranks were last looked at
    bool told_priority_ = false;  ///< reported that another candidate has the same priority
};

}  // namespace berkeley
