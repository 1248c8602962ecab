// CandidateCore: a node that can lead: a slave (a standby is disciplined like any slave), a master core that
// runs while it leads, and the election that decides whether it does.
//
//   links (as a slave) --> SlaveCore ----- term ----> Election <---- heartbeats, STEPDOWN
//   routes (as a master) --> MasterCore <--- leads? ----'   \--> HEARTBEAT, role events
//
// It also answers STATUS requests. Pure: events and `now` in, actions out. Not thread-safe.
#pragma once

#include "election/election.hpp"
#include "master/master_core.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {

struct CandidateOptions {
    SlaveCoreOptions slave;  ///< Requires: `candidate` is set, and election.id == slave.id
    MasterCoreOptions master;
    ElectionOptions election;
};

/// What an earlier run left behind, as far as candidates need it.
struct CandidateMemory {
    Term term = 0;
    std::vector<CandidateInfo> candidates;
};

class CandidateCore {
public:
    CandidateCore(const CandidateOptions& options, const CandidateMemory& memory, Prng prng, RawTime now,
                  ClusterTime initial, std::int64_t rate_ppb);
    CandidateCore(const CandidateCore&) = delete;
    CandidateCore& operator=(const CandidateCore&) = delete;

    void start(RawTime now, Actions& out);
    void on_link_message(Link link, Via via, const Message& message, RawTime received_at, Actions& out);
    void on_route_message(Route route, const Message& message, RawTime received_at, Actions& out);
    void on_sent(std::uint64_t token, RawTime t1) { master_.on_sent(token, t1); }
    void on_unreachable(Route route, Actions& out) { master_.on_unreachable(route, out); }
    void on_timer(RawTime now, Actions& out);
    RawTime next_deadline() const;
    /// Hands over to the best standby, where there is one, and says BYE.
    void stop(Actions& out);

    SlaveCore& slave() { return slave_; }
    const SlaveCore& slave() const { return slave_; }
    const MasterCore& master() const { return master_; }
    const Election& election() const { return election_; }
    /// To be kept for the next run.
    CandidateMemory memory() const { return {election_.term(), slave_.known_candidates()}; }

private:
    void on_hello(Route route, const Message& message, const Hello& hello, RawTime now, Actions& out);
    void answer_status(Route route, const StatusRequest& request, RawTime now, Actions& out);
    void welcome(Route route, Generation generation, Actions& out) const;
    void refuse(Route route, Generation generation, RefuseKind kind, std::string_view why, Actions& out) const;
    void settle(RawTime now, Actions& out);
    void beat(Actions& out);
    void hand_over(std::string_view why, Actions& out);
    NodeId successor() const;
    std::vector<CandidateInfo> all_candidates() const;

    CandidateOptions options_;
    SlaveCore slave_;
    MasterCore master_;
    Election election_;
    Role told_role_ = Role::slave;  ///< none told yet
    Term saved_term_;
    std::size_t told_candidates_ = 0;
    std::uint64_t beats_ = 0;
};

}  // namespace berkeley
