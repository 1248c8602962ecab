// Election: who leads, by terms. The room in which the complete election (votes, committee, lease) will live;
// today it is takeover on silence.
//
//   LISTEN --silence, not --standby--> WARMUP --majority of the roster replied--> MASTER
//     |  master heard                                                                |
//     v                                                                              | higher term,
//   STANDBY --silence for D + S * rank + jitter, or named successor--> WARMUP        | pause, step-down
//      ^-----------------------------------------------------------------------------'
//
// Every leadership has a term higher than any its leader has seen, so slaves can fence by it. Limits: without
// votes, a network cut in two has a master on each side until it heals; then the higher term goes on alone.
// Pure; not thread-safe. Times are raw times, never the clock that is disciplined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

struct ElectionOptions {
    NodeId id;
    std::int32_t priority = 100;
    bool standby = false;  ///< never founds a cluster: waits until it has heard a master
    Duration heartbeat_interval = std::chrono::milliseconds{100};  ///< H
    Duration heartbeat_timeout = std::chrono::milliseconds{500};   ///< D
    Duration stagger = std::chrono::milliseconds{100};             ///< S, per rank
    Duration jitter = std::chrono::milliseconds{50};               ///< J, at most
};

class Election {
public:
    /// `term`: the last term of an earlier run. `adopted`: an earlier run has belonged to a cluster.
    Election(const ElectionOptions& options, Prng prng, Term term, bool adopted, RawTime now);

    /// True: a heartbeat must be sent now.
    [[nodiscard]] bool on_timer(RawTime now);
    void on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now);
    /// A message of a slave or candidate that follows `leader` (perhaps unknown) in `term`.
    void on_term(Term term, const NodeId& leader, RawTime now);
    void on_step_down(const NodeId& from, Term term, const StepDown& step_down, RawTime now);
    /// WARMUP is over: the master core has heard a majority of its roster in this term.
    void on_warm();
    /// This term has been led before, by an earlier life of this node that left no state: take the next one.
    void renew(RawTime now);
    /// Leads no longer; does not stand again before a full timeout has passed.
    void step_down(std::string reason, RawTime now);
    /// The other candidates known, for the rank; `peers` without this node.
    void set_peers(std::vector<CandidateInfo> peers) { peers_ = std::move(peers); }

    Role role() const { return role_; }
    Term term() const { return term_; }
    const NodeId& leader() const { return leader_; }
    bool leads() const { return role_ == Role::warmup || role_ == Role::master; }
    bool adopted() const { return adopted_; }
    /// Why the role changed last.
    const std::string& reason() const { return reason_; }
    RawTime next_deadline() const;

private:
    void change(Role role, std::string reason);
    void lead(RawTime now, std::string reason);
    void follow(Term term, const NodeId& leader, RawTime now);
    void arm(RawTime now);
    Duration patience();

    ElectionOptions options_;
    Prng prng_;
    Role role_ = Role::listen;
    Term term_;
    NodeId leader_;
    bool adopted_;
    std::string reason_ = "started";
    std::vector<CandidateInfo> peers_;
    RawTime deadline_{};    ///< of patience, where not leading
    RawTime beat_at_{};     ///< of the next heartbeat, where leading
    RawTime last_beat_{};   ///< of the last one sent
};

}  // namespace berkeley
