// Election: decides who leads, by terms and votes. This is the candidate's half; every node's voting half is
// its Elector.
//
//   LISTEN --silence, founds------------------------------------.
//     |  master heard                                            v
//   STANDBY --silence for D + S * rank + jitter--> CANDIDATE --> WARMUP
//     ^   '--named by STEPDOWN: vote at once----------^          |  a majority of the roster replied
//     |                                                          v
//     '--------- lease lost, higher term, refusal: STEPDOWN --- MASTER
//
// CANDIDATE first asks for pre-votes, then for votes; with a majority it leads, in vain it asks again.
//
// A candidate founds a cluster (term 1, committee {itself}) only where it remembers none, was not started as
// a standby, has heard no master for a full timeout, 2.25 s at least, and where no more than a third of the
// members that greet it follow somebody else or remember other voters. Else it waits to be that cluster's
// standby. A
// leader that cannot renew its lease stops leading; its Leadership says until when it may lead. Sources: see
// elector.hpp and leadership.hpp. Pure; not thread-safe. Times are raw times, never the disciplined clock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "election/leadership.hpp"

namespace berkeley {

struct ElectionOptions {
    std::int32_t priority = 100;
    bool standby = false;  ///< never founds a cluster; waits until it has heard a master
    Duration heartbeat_interval = std::chrono::milliseconds{100};  ///< H
    Duration stagger = std::chrono::milliseconds{100};             ///< S, per rank
    Duration jitter = std::chrono::milliseconds{50};               ///< J, at most
    /// Members of a cluster connect again within a second and greet every candidate once a second. A
    /// candidate that remembers nothing waits for them, so that it founds no second cluster beside theirs.
    Duration founding = std::chrono::milliseconds{2250};
};

/// The views of the members that greeted a candidate in the last seconds: whom they follow, whom they
/// remember.
struct MemberViews {
    std::size_t greeted = 0;
    std::size_t follow_others = 0;    ///< of them, those that hear another leader,
    std::size_t remember_others = 0;  ///< and those that hear none, but remember several voters
    NodeId leader;                    ///< whom most of the former follow
    Committee committee;              ///< a newest that the latter remember
};
/// How fresh a greeting must be to count. Members greet once a second.
inline constexpr Duration kViewAge = std::chrono::seconds{3};

/// A request for a vote, to be sent to the voter named.
struct Ballot {
    Voter to;
    Term term = 0;
    VoteRequest request;
};

class Election {
public:
    /// `elector` is this node's own and outlives this object. D and L are the elector's.
    Election(const ElectionOptions& options, Elector& elector, Prng prng, RawTime now);

    /// Returns true where a heartbeat must be sent now; its number is beats().
    [[nodiscard]] bool on_timer(RawTime now);
    void on_heartbeat(const NodeId& from, Term term, const Heartbeat& heartbeat, RawTime now);
    /// A node follows `leader` (perhaps unknown) in `term`, or refused because of that term.
    void on_term(Term term, const NodeId& leader, RawTime now);
    void on_step_down(const NodeId& from, Term term, const StepDown& step_down, RawTime now);
    void on_grant(const NodeId& from, Term term, const Grant& grant, RawTime now);
    /// A voter refused its vote or pre-vote; `term` is the voter's own.
    void on_refusal(const NodeId& from, Term term, const Refuse& refusal, RawTime now);
    /// A voter said goodbye.
    void on_bye(const NodeId& from) { leadership_.forget(from); }
    /// `other` says itself that it leads `term`, with this committee and priority.
    void on_rival(const NodeId& other, std::int32_t priority, Term term, const Committee& committee,
                  RawTime now);
    /// Whether the next on_timer may found a cluster, for which set_views must be called before.
    bool about_to_found(RawTime now) const;
    void set_views(MemberViews views) { views_ = std::move(views); }
    void on_ack(const NodeId& from, Term term, const Ack& ack, bool candidate, RawTime now);
    /// A member has named the committee of its cluster. A node that has no cluster, or founded one that
    /// nobody joined, takes it as its own. A standby that missed changes learns them too, once enough voters
    /// name the same (docs/FAILOVER.md): when the master is gone nobody else tells it, and with an old
    /// committee it could not be elected. `members` is the size of the roster.
    void on_committee(const Voter& from, const Committee& committee, Term term, std::size_t members,
                      RawTime now);
    /// Whether this candidate is asking that voter for its vote now.
    bool seeks_vote_from(const NodeId& voter) const;
    /// Ends WARMUP: the master core has heard a majority of its roster in this term.
    void on_warm();
    /// Takes another term: an earlier life of this node, which left no state, has led this one.
    void renew(RawTime now);
    /// Stops leading, and does not stand for election again before a full timeout has passed.
    void step_down(std::string reason, RawTime now);
    /// Steps down for a standby that follows it. The committee then is the cluster's, whoever founded it.
    void hand_over(std::string reason, RawTime now);
    /// Never stands for election again in this life. The node still votes.
    void retire() { retired_ = true; }
    /// Sets the other known candidates, for the rank.
    void set_peers(std::vector<CandidateInfo> peers) { peers_ = std::move(peers); }

    Role role() const { return role_; }
    /// The newest term known; for a leader, the term that it leads.
    Term term() const { return leads() ? asked_ : elector_.term(); }
    const NodeId& leader() const { return leader_; }
    /// Whether it leads a cluster that it founded in this life and that nobody else has joined.
    bool founded() const { return founded_; }
    bool leads() const { return role_ == Role::warmup || role_ == Role::master; }
    /// Whether it may correct clocks now.
    bool has_lease(RawTime now) const { return now < lease_until(); }
    /// The end of the lease; RawTime::min() where there is none.
    RawTime lease_until() const {
        return leads() && elector_.term() == asked_ && !elector_.doubts() ? leadership_.lease_until()
                                                                          : RawTime::min();
    }
    /// The rest of the lease; 0 where there is none.
    Duration lease_left(RawTime now) const;
    std::uint64_t beats() const { return beat_number_; }
    const Leadership& leadership() const { return leadership_; }
    /// The committee that a heartbeat carries. It is issued under the new term only once the clocks are
    /// corrected again. The voters, and so the lease, stay the same until then; but every voter has to save
    /// the new committee, and WARMUP would wait for their disks.
    const Committee& announced_committee() const {
        return role_ == Role::master ? leadership_.committee() : elector_.committee();
    }
    const ElectionOptions& options() const { return options_; }
    /// The reason of the last change of role.
    const std::string& reason() const { return reason_; }
    /// Returns, each time that there is news, a sentence for people about the obstacle to leading.
    [[nodiscard]] std::string take_notice() { return std::exchange(notice_, {}); }
    RawTime next_deadline() const;
    [[nodiscard]] std::vector<Ballot> take_ballots() { return std::exchange(ballots_, {}); }

private:
    enum class Phase : std::uint8_t { none, pre_vote, vote };

    void change(Role role, std::string reason);
    void campaign(Phase phase, std::string reason, RawTime now);
    void ask(RawTime now);
    void count(RawTime now);
    void found(RawTime now);
    void lead(RawTime now, std::string reason);
    void follow(const NodeId& leader, RawTime now);
    bool defer_founding(RawTime now);
    void fail(RawTime now);
    std::string describe_failure() const;
    void complain(std::string text, RawTime now);
    void listen(std::string reason, RawTime now);
    void learn_committee(const Voter& from, const Committee& committee, RawTime now);
    bool weigh_report(const Voter& from, const Committee& committee, std::size_t members, RawTime now);
    void arm(RawTime now, int timeouts = 1);
    Duration patience(int timeouts);

    ElectionOptions options_;
    Elector& elector_;
    Prng prng_;
    Leadership leadership_;
    Role role_ = Role::listen;
    Phase phase_ = Phase::none;
    bool founded_ = false;  ///< in this life, and nobody else has joined
    bool retired_ = false;
    std::optional<RawTime>
        told_since_;     ///< since when members name a cluster to a candidate that remembers none
    Term asked_ = 0;     ///< the term that this node asks votes for, or leads
    Term followed_ = 0;  ///< the last term in which this node had a leader, perhaps itself
    std::set<NodeId> granted_;
    std::map<NodeId, std::string> refused_;  ///< why, by voter
    std::uint32_t failures_ = 0;             ///< campaigns in vain, in a row
    MemberViews views_;
    std::optional<RawTime> rival_since_;  ///< since when another leader of this term is known
    std::string notice_;
    std::string complaint_;  ///< the last one
    RawTime complained_at_{};
    /// Newer committees, by the member that named them: a voter of the known or of the named committee.
    std::map<NodeId, std::pair<Incarnation, Committee>> told_;
    std::vector<Ballot> ballots_;
    NodeId leader_;
    std::string reason_ = "started";
    std::vector<CandidateInfo> peers_;
    std::uint64_t beat_number_ = 0;
    RawTime deadline_{};  ///< end of patience, where not leading
    RawTime ask_at_{};    ///< when unanswered requests are repeated
    RawTime beat_at_{};   ///< of the next heartbeat, where leading
};

}  // namespace berkeley
