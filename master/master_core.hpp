// MasterCore: runs the rounds of Berkeley's algorithm. It polls every member in a paced burst of probes, has
// the results judged, and publishes each member's correction.
//
//   start_term --> [ bursts, at most `window` at once ] --> judge --> corrections --> wait --> next round
//
// A round ends when every burst has ended; each burst has a deadline, so a round has one too. Rounds run
// only while this candidate leads. At other times HELLOs keep the roster current, so a takeover needs no
// introductions. Pure: events and `now` in, actions out. Not thread-safe. All times are this node's raw
// times.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "base/prng.hpp"
#include "master/inheritance.hpp"
#include "master/join_limit.hpp"
#include "master/roster.hpp"
#include "master/verdict.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {

struct MasterCoreOptions {
    Duration interval = std::chrono::seconds{1};
    std::uint32_t burst = 8;
    std::uint32_t window = 32;
    std::size_t max_members = kMaxMembers;
    /// The longest pause between two bursts: a longer one would only make the round's measurements older.
    Duration pace_max = std::chrono::milliseconds{5};
};

class MasterCore {
public:
    /// `self` is the node's own slave core, whose clock is the cluster's while this node leads. It outlives
    /// this object.
    MasterCore(const MasterCoreOptions& options, SlaveCore& self, Prng prng);
    MasterCore(const MasterCore&) = delete;
    MasterCore& operator=(const MasterCore&) = delete;

    void start_term(RawTime now, Actions& out);
    void stop_term();
    bool running() const { return running_; }
    /// Nothing is published after `until`.
    void set_lease(RawTime until) { leased_until_ = until; }
    /// Whether a majority of the roster has replied in this term, so that corrections may be made.
    bool warm() const;

    Roster::Claim on_hello(Route route, const NodeId& id, const Hello& hello, RawTime now, Actions& out);
    void on_reply(Route route, const NodeId& sender, const Reply& reply, RawTime t4, Actions& out);
    void on_bye(Route route, const NodeId& sender, const Bye& bye, Actions& out);
    /// The transmit stamp of a POLL that carried `token`.
    void on_sent(std::uint64_t token, RawTime t1);
    void on_unreachable(Route route, Actions& out);
    void on_timer(RawTime now, Actions& out);
    RawTime next_deadline() const;

    Round round() const { return round_; }
    RoundState state() const { return state_; }
    const Roster& roster() const { return roster_; }
    /// Whether a member has applied a correction of this term that this core never made.
    bool term_used_before() const { return term_used_before_; }
    /// Rounds in a row in which this master's own clock was a falseticker.
    std::uint32_t self_outlier_rounds() const { return self_outlier_rounds_; }
    const MasterCoreOptions& options() const { return options_; }

private:
    void begin_round(RawTime now);
    void start_due_bursts(RawTime now, Actions& out);
    void start_burst(Member& member, RawTime now, Actions& out);
    void probe(Member& member, RawTime now, Actions& out);
    void end_burst(Member& member);
    void apply_known_clock(Member& member) const;
    static void note_delay(Member& member, Duration delay);
    void next_probe(Member& member, RawTime now, Actions& out);
    void expire_probes(RawTime now, Actions& out);
    void conclude(RawTime now, Actions& out);
    void on_own_jump(Duration jump, Actions& out);
    void tell_years_apart(const Verdict& verdict, Actions& out) const;
    void correct(const Verdict& verdict, RawTime now, Actions& out);
    void report(const Verdict& verdict, Duration took, Actions& out);
    void drop_silent(Actions& out);
    void watch_applied(Member& member, Actions& out);
    void remove_member(const NodeId& id, std::string reason, Actions& out);
    void update_warm();
    void skip_waiting_members();
    void take_sample(Member& member, const Reply& reply, RawTime t4, Actions& out);
    void drop(std::string_view reason, Actions& out) const { out.add(EmitEvent{DroppedEvent{reason, 1}}); }
    Duration probe_patience() const;
    Duration probe_patience(const Member& member) const;

    MasterCoreOptions options_;
    SlaveCore& self_;
    Prng prng_;
    Roster roster_;
    JoinLimit joins_;
    bool running_ = false;
    Round round_ = 0;
    RoundState state_ = RoundState::gathering;
    RawTime round_at_{};
    bool in_round_ = false;
    std::deque<NodeId> waiting_;     ///< members whose burst has not begun in this round
    std::vector<Member*> bursting_;  ///< at most window; the roster tells when one leaves
    RawTime burst_at_{};             ///< when the next burst may begin
    Duration pace_{0};
    std::uint32_t polled_ = 0;   ///< members in this round
    RawTime joined_at_{};        ///< the last join: a cold start waits for the roster to settle
    RawTime gathering_since_{};  ///< the first member came, or the term began
    std::size_t gathered_ = 0;   ///< number of members last reported to people
    Inheritance inheritance_;
    RateCredit rate_credit_;
    RawTime corrected_at_{};             ///< the last correction, or the begin of the term
    std::optional<RawTime> founded_at_;  ///< when a cold start in this term founded the cluster
    bool warm_ = false;
    RawTime leased_until_ = RawTime::min();
    bool used_before_told_ = false;
    NodeId first_;  ///< the member with which the next round begins
    bool term_used_before_ = false;
    std::uint32_t self_outlier_rounds_ = 0;
    std::uint32_t split_rounds_ = 0;  ///< in a row
    bool own_refused_ = false;        ///< this node's own correction was refused in the last round
};

}  // namespace berkeley
