// SlaveCore: one node's side of the protocol. It says HELLO to every candidate that it knows, answers the
// polls of the master that it follows, and applies that master's corrections to its clock, each at most
// once.
//
//   candidate --WELCOME--> link: subscribe, learn the other candidates     --POLL--> answer, follow its term
//   candidate --CORRECTION--> fence (term, socket, round, generation, basis, age) --> discipline
//
// A correction is relative, so nothing undoes one that was applied twice or late. `fence` lists every
// condition, and each refusal is counted by its reason. A candidate contains a SlaveCore, because a standby
// is disciplined like any slave. Pure: events and `now` in, actions out. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/prng.hpp"
#include "discipline/discipline.hpp"
#include "election/elector.hpp"
#include "protocol/actions.hpp"
#include "slave/links.hpp"

namespace berkeley {

struct SlaveCoreOptions {
    ClusterName cluster;
    NodeId id;
    std::vector<Url> masters;  ///< poll endpoints to start from, at most kMaxCandidates
    DisciplineOptions discipline;
    std::optional<ResumedClock> resumed;  ///< the clock of an earlier run, which goes on
    Term resumed_term = 0;                ///< in which that was last corrected
    Incarnation incarnation = 0;
    std::optional<CandidateInfo> candidate;  ///< set where this node is a candidate; goes into HELLO
    bool want_heartbeats = false;
    Duration heartbeat_timeout = std::chrono::milliseconds{500};
    ElectorMemory memory;              ///< the promises of an earlier run
    std::vector<CandidateInfo> known;  ///< the candidates that an earlier run knew, itself perhaps among them
    bool votes = true;                 ///< false: never asked to be a voter
};

class SlaveCore {
public:
    /// The clock starts at `initial`; an earlier run saved `rate`.
    SlaveCore(const SlaveCoreOptions& options, Prng prng, RawTime now, ClusterTime initial,
              const SavedRate& rate);

    void start(RawTime now, Actions& out);
    void on_message(Link link, Via via, const Message& message, RawTime received_at, Actions& out);
    void on_timer(RawTime now, Actions& out);
    RawTime next_deadline() const;
    /// Says BYE on every link.
    void stop(Actions& out);

    /// Takes a candidate's description of itself that came another way than over a link (a HELLO), or what
    /// somebody else says of it.
    void hear_of(const CandidateInfo& info, CandidateDirectory::Source source, RawTime now, Actions& out) {
        links_.hear(info, source, now, out);
    }
    /// Forgets a candidate on purpose, here and wherever this node is heard. Returns false where it is not
    /// known.
    bool forget_candidate(const NodeId& id, RawTime now, Actions& out) { return links_.forget(id, now, out); }

    /// Makes this node follow `leader` (perhaps itself) in `term`. Requires: term >= this->term().
    void follow(Term term, const NodeId& leader);
    /// The machine slept or the process was stopped for long.
    void disrupt(std::string_view why, Actions& out);  // the next on_timer greets every candidate anew

    Elector& elector() { return elector_; }
    const Elector& elector() const { return elector_; }
    /// Takes this node's vote away, because the state directory cannot be written. It goes on as a slave.
    void stop_voting(std::string_view why, Actions& out);
    Term term() const { return term_; }
    const NodeId& leader() const { return leader_; }
    Term applied_term() const { return applied_term_; }
    /// The term in which this clock was last corrected, in an earlier run or by itself as a master; 0: never.
    Term corrected_term() const { return corrected_term_; }
    /// Since when the others have disagreed with this clock, by its raw time; nothing where they agree.
    std::optional<RawTime> suspect_since() const { return suspect_since_; }
    /// A round found this clock to be an outlier or not. Returns true where that changed suspect_since().
    bool record_verdict(bool outlier, RawTime now);
    /// A master corrected its own clock.
    void record_own_correction() { corrected_term_ = term_; }
    Round applied_round() const { return applied_round_; }
    Generation generation() const { return generation_; }
    const SlaveCoreOptions& options() const { return options_; }
    Discipline& discipline() { return discipline_; }
    const Discipline& discipline() const { return discipline_; }
    const CandidateDirectory& directory() const { return links_.directory(); }
    /// Changes whenever the known candidates do.
    std::uint64_t candidates_version() const { return links_.changes(); }

    Message make(Body body) const { return {{options_.cluster, options_.id, term_}, std::move(body)}; }
    /// Emits a status event and publishes the clock where the status differs from the last one reported.
    void tell_status(std::string_view reason, Actions& out);

    /// The status that readers are told. A node that cannot make the machine's clock follow (`astray`) is not
    /// SYNCHRONIZED to them; its own clock is as good as before, and takes part as before.
    ClockStatus status() const {
        return astray_ && discipline_.trusted() ? ClockStatus::unsynchronized : discipline_.status();
    }
    void set_astray(bool astray, std::string_view reason, Actions& out);

private:
    const Message& with_complete_candidates(const Message& told, const Url& link, Message& changed,
                                            Actions& out) const;
    void on_own_name(Link link, const Message& message, RawTime now, Actions& out);
    Message greeting(RawTime now) const;
    void on_welcome(Link link, const Message& message, const Welcome& welcome, RawTime now, Actions& out);
    void on_poll(Link link, const Message& message, const Poll& poll, RawTime received_at, Actions& out);
    void on_correction(Link link, const Message& message, const Correction& correction, RawTime now,
                       Actions& out);
    void on_refuse(Link link, const Message& message, const Refuse& refuse, RawTime now, Actions& out);
    void on_heartbeat(Link link, const Message& message, const Heartbeat& beat, RawTime now, Actions& out);
    void compare_timeouts(const NodeId& leader, Duration theirs, Actions& out);
    void on_vote_request(Link link, const Message& message, const VoteRequest& request, RawTime now,
                         Actions& out);
    /// Follows `leader` and logs the change of leader or term.
    void follow_and_report(Term term, const NodeId& leader, RawTime now, Actions& out);
    void update_heartbeat_subscriptions(Actions& out);
    std::string_view fence(Link link, const Message& message, const Correction& correction,
                           RawTime now) const;
    void drop(std::string_view reason, Actions& out) const { out.add(EmitEvent{DroppedEvent{reason, 1}}); }

    SlaveCoreOptions options_;
    Prng prng_;
    Elector elector_;
    bool asked_to_listen_ = false;  ///< the leader's WELCOME said `listen`
    Generation generation_;
    Discipline discipline_;
    Links links_;
    Term term_ = 0;
    NodeId leader_;
    std::optional<Link> leader_link_;
    Term applied_term_ = 0;
    Term corrected_term_ = 0;
    std::optional<RawTime> suspect_since_;
    Round applied_round_ = 0;
    /// Rounds in a row whose correction was refused, by the master that had corrected this clock in its term.
    std::uint32_t refusals_ = 0;
    Round refused_round_ = 0;  ///< the last of them
    /// The last two rounds answered. A correction may arrive after the next round's first poll, because they
    /// travel on different sockets.
    std::array<Round, 2> answered_{};
    RawTime polled_at_{};
    RawTime leader_heard_at_{};  ///< by a poll or a heartbeat
    Duration interval_ = std::chrono::seconds{1};
    Duration told_timeout_{};  ///< D of the leader heard last
    bool astray_ = false;      ///< the machine's clock does not follow
    ClockStatus told_status_ = ClockStatus::unsynchronized;
};

}  // namespace berkeley
