#include "master/master_core.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "base/duration_text.hpp"
#include "base/text.hpp"

namespace berkeley {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kMissedRounds = 3;
/// So many rounds of a term wait for a majority of the roster.
constexpr Round kWarmRounds = 10;
/// A member may come back as another clock no sooner than this.
constexpr Duration kRejoinAgain = milliseconds{500};
/// A candidate that does not lead forgets members that have not greeted it for so long.
constexpr Duration kGreetingAge = seconds{10};
/// A cold start waits until nobody has joined for two intervals, and for the time that a slave started
/// before its master may need to find it. It does not wait for ever where slaves trickle in.
constexpr int kSettleIntervals = 2;
constexpr Duration kSettleMin = milliseconds{1500};
constexpr Duration kSettleMax = seconds{10};
/// A cluster that was just founded must still find the rate of its time. Until then bounds also grow by the
/// change of rate that is still to come.
constexpr Duration kFoundingRate = seconds{60};
constexpr auto kDay = std::chrono::hours{24};
constexpr Duration kYear = 365 * kDay;

}  // namespace

MasterCore::MasterCore(const MasterCoreOptions& options, SlaveCore& self, Prng prng)
    : options_(options), self_(self), prng_(prng), roster_(options.max_members) {
    assert(options.burst >= 1 && options.burst <= kMaxBurst);
    roster_.on_leave = [this](Member& member) { std::erase(bursting_, &member); };
}

void MasterCore::start_term(RawTime now, Actions& out) {
    running_ = true;
    warm_ = false;
    term_used_before_ = false;
    in_round_ = false;
    round_ = 0;
    state_ = RoundState::gathering;
    gathered_ = kMaxMembers + 1;
    round_at_ = now;
    joined_at_ = now;
    gathering_since_ = now;
    self_outlier_rounds_ = 0;
    split_rounds_ = 0;
    own_refused_ = false;
    inheritance_.begin(self_.discipline(), now);
    corrected_at_ = now;
    founded_at_.reset();
    rate_credit_.begin(now);
    self_.discipline().set_valid_for(kMissedRounds * options_.interval + seconds{2});
    waiting_.clear();
    bursting_.clear();
    for (auto& [id, member] : roster_.members()) {
        // From an earlier leadership of this node the knowledge of the path stays true; that of the clock
        // does not.
        member->estimator.forget_clock();
        member->burst = {};
        member->measurement.reset();
        member->reply.reset();
        member->replied_in_term = false;
        member->corrected_round = 0;
        member->unapplied = 0;
        member->falseticker = false;
        member->missed = 0;
        out.add(EmitEvent{MemberEvent{id, true, "known when the term began"}});
    }
}

void MasterCore::stop_term() {
    running_ = false;
    in_round_ = false;
    waiting_.clear();
    for (Member* member : bursting_) member->burst = {};
    bursting_.clear();
}

bool MasterCore::warm() const { return warm_; }

Roster::Claim MasterCore::on_hello(Route route, const NodeId& id, const Hello& hello, RawTime now,
                                   Actions& out) {
    const std::uint64_t token = prng_.next() | 1;
    const Member* before = roster_.by_id(id);
    const bool replaced = before != nullptr && before->generation != hello.generation;
    if (before == nullptr && running_ && !joins_.admit(route, now)) {
        drop("joins-too-often", out);
        return Roster::Claim::pending;
    }
    // It will greet again. No honest clock is replaced many times a second, and each time costs a log line.
    if (replaced && running_ && now - before->joined_at < kRejoinAgain) {
        drop("rejoins-too-often", out);
        return Roster::Claim::pending;
    }
    const auto claim = roster_.on_hello(id, route, hello, running_, token, now);
    if (claim == Roster::Claim::joined) {
        joined_at_ = now;
        // The prior follows --max-drift, or is a little wider where nobody declared one.
        EstimatorOptions estimator;
        const auto promised = static_cast<double>(self_.discipline().options().max_drift_ppb);
        estimator.freq_prior_stddev_ppb = std::max(estimator.freq_prior_stddev_ppb, promised);
        roster_.by_id(id)->estimator = OffsetEstimator{estimator};
        if (running_) out.add(EmitEvent{MemberEvent{id, true, replaced ? "restarted" : "said hello"}});
    } else if (claim == Roster::Claim::pending) {
        const Member& holder = *roster_.by_id(id);
        out.add(SendToRoute{holder.route, self_.make(Poll{round_, 0, holder.challenge_token}), 0});
    } else if (claim == Roster::Claim::name_in_use) {
        Member& holder = *roster_.by_id(id);
        // The holder itself may come over another URL of ours; it will notice.
        if (holder.generation == hello.generation) return claim;
        drop("name-in-use", out);
        if (holder.refused != hello.generation) {
            holder.refused = hello.generation;
            out.add(EmitEvent{NoteEvent{Severity::warning, "refused a second node that claims the name " +
                                                               id.str() + ": its holder still answers"}});
        }
    }
    return claim;
}

void MasterCore::on_bye(Route route, const NodeId& sender, const Bye& bye, Actions& out) {
    const Member* member = roster_.by_route(route);
    if (member == nullptr || member->id != sender || member->generation != bye.generation) {
        return drop("unknown-member", out);
    }
    remove_member(NodeId{sender}, "said goodbye", out);
}

void MasterCore::on_unreachable(Route route, Actions& out) {
    if (const Member* member = roster_.by_route(route))
        remove_member(NodeId{member->id}, "disconnected", out);
}

void MasterCore::remove_member(const NodeId& id, std::string reason, Actions& out) {
    if (Member* member = roster_.by_id(id)) end_burst(*member);
    std::erase(waiting_, id);
    roster_.remove(id);
    if (running_) out.add(EmitEvent{MemberEvent{id, false, std::move(reason)}});
}

void MasterCore::on_timer(RawTime now, Actions& out) {
    if (!running_) {
        for (auto it = roster_.members().begin(); it != roster_.members().end();) {
            const NodeId id = it->first;
            const bool old = now - it->second->heard_at > kGreetingAge;
            ++it;
            if (old) roster_.remove(id);
        }
        return;
    }
    if (!in_round_ && now >= round_at_) begin_round(now);
    if (!in_round_) return;
    expire_probes(now, out);
    if (now - round_at_ > options_.interval && !waiting_.empty()) skip_waiting_members();
    start_due_bursts(now, out);
    if (waiting_.empty() && bursting_.empty()) conclude(now, out);
}

RawTime MasterCore::next_deadline() const {
    if (!running_) return RawTime::max();
    if (!in_round_) return round_at_;
    RawTime next = RawTime::max();
    if (!waiting_.empty()) {
        const RawTime end = round_at_ + options_.interval + Duration{1};
        next = bursting_.size() < options_.window ? std::min(burst_at_, end) : end;
    }
    if (waiting_.empty() && bursting_.empty()) next = round_at_;
    for (const Member* member : bursting_) {
        next = std::min({next, member->burst.probe_deadline, member->burst.deadline});
    }
    return next;
}

void MasterCore::begin_round(RawTime now) {
    ++round_;
    in_round_ = true;
    round_at_ = now;
    burst_at_ = now;
    waiting_.clear();
    bursting_.clear();
    // The round begins with the members that the last one left out.
    const auto first = roster_.members().lower_bound(first_);
    const auto enlist = [&](auto from, auto to) {
        for (; from != to; ++from) waiting_.push_back(from->first);
    };
    enlist(first, roster_.members().end());
    enlist(roster_.members().begin(), first);
    for (auto& [id, member] : roster_.members()) {
        member->measurement.reset();
        member->jump = Duration{0};
        member->gated = false;
        member->in_round = true;
    }
    polled_ = static_cast<std::uint32_t>(waiting_.size());
    pace_ = std::min(options_.pace_max, options_.interval / (2 * std::max<std::int64_t>(1, polled_)));
}

void MasterCore::update_warm() {
    std::size_t replied = 0;
    for (const auto& [id, member] : roster_.members()) replied += member->replied_in_term ? 1U : 0U;
    // Members that greet and never answer must not keep a leader from correcting the others.
    warm_ = warm_ || 2 * replied >= roster_.size() || round_ >= kWarmRounds;
}

void MasterCore::conclude(RawTime now, Actions& out) {
    in_round_ = false;
    const RawTime began = round_at_;
    round_at_ = std::max(began + options_.interval, now);
    update_warm();
    drop_silent(out);
    if (!warm_ || now >= leased_until_) return;
    VerdictOptions options;
    options.interval = options_.interval;
    options.inherited_bound = inheritance_.bound(now);
    options.self_outlier_rounds = self_outlier_rounds_;
    options.split_rounds = split_rounds_;
    options.none_follow = now - corrected_at_ > self_.discipline().valid_for();
    options.gathering =
        now - joined_at_ < std::max<Duration>(kSettleIntervals * options_.interval, kSettleMin) &&
        now - gathering_since_ < std::max<Duration>(kSettleMax, 2 * kSettleIntervals * options_.interval);
    if (roster_.size() == 0) gathering_since_ = now;
    const bool founding = founded_at_ && now - *founded_at_ < kFoundingRate;
    if (!founding)
        options.rate_limit_ppb = rate_credit_.earn(self_.discipline().options().max_drift_ppb, now);
    Verdict verdict = judge(roster_, self_.discipline(), options, now);
    state_ = verdict.state;
    split_rounds_ = state_ == RoundState::split ? split_rounds_ + 1 : 0;
    // A clock that knew nothing brings its oscillator's rate along, so its rate is corrected as fast as a
    // new cluster's.
    if (state_ == RoundState::cold_start || verdict.adopted_bound > Duration{0}) founded_at_ = now;
    if (!founding && self_.discipline().trusted()) rate_credit_.spend(verdict.own_freq_correction_ppb);
    if (founding) {
        for (MemberVerdict& m : verdict.members)
            m.drift_ppb = std::min(m.drift_ppb + verdict.rate_ahead_ppb, kDriftMaxPpb);
    }
    const bool stray = verdict.self_outlier || std::exchange(own_refused_, false);
    self_outlier_rounds_ = stray ? self_outlier_rounds_ + 1 : 0;
    if (self_.record_verdict(stray || verdict.own_jump != Duration{0}, now)) out.add(PublishClock{});
    if (self_outlier_rounds_ == 1) {
        out.add(EmitEvent{NoteEvent{Severity::warning, "this master's own clock disagrees with the others"}});
    }
    if (verdict.state == RoundState::gathering) {
        --round_;  // nobody heard of this round: we count from the first that corrects
        if (gathered_ != roster_.size()) {
            gathered_ = roster_.size();
            out.add(EmitEvent{NoteEvent{
                Severity::info, gathered_ == 0 ? std::string{"waiting for slaves"}
                                               : counted(gathered_, "slave") + " so far, waiting for more"}});
        }
        return;
    }
    if (verdict.own_jump != Duration{0}) on_own_jump(verdict.own_jump, out);
    if (state_ == RoundState::cold_start) tell_years_apart(verdict, out);
    if (verdict.correct) correct(verdict, now, out);
    for (auto& m : verdict.members) {
        m.member->last = {m.member->id, m.offset,     m.member->measurement->delay,
                          m.bound,      m.correction, static_cast<std::int64_t>(m.freq_ppb),
                          m.outlier};
    }
    report(verdict, now - began, out);
}

/// Nobody has told this node that its machine was paused, but most members' clocks cannot all have jumped by
/// the same time at once. From now on its clock is another one, and its lease, measured by it, is worth
/// nothing: it steps down, and takes the time of the others, as their master or as a slave.
void MasterCore::on_own_jump(Duration jump, Actions& out) {
    out.add(EmitEvent{
        NoteEvent{Severity::warning, "this machine's clock jumped by " + duration_literal(-jump) +
                                         " against most of the others'; was its virtual machine paused?"}});
    self_.disrupt("this clock jumped against most of the others'", out);
}

/// Clocks that lie years apart are no drift: somebody's battery is empty, and nobody else will say so.
void MasterCore::tell_years_apart(const Verdict& verdict, Actions& out) const {
    std::string names;
    const auto add = [&](const NodeId& id, Duration off) {
        if (off < kYear && off > -kYear) return;
        names += (names.empty() ? " " : ", ") + id.str() + " was " + std::to_string(std::abs(off / kDay)) +
                 " days " + (off < Duration{0} ? "behind" : "ahead");
    };
    add(self_.options().id, -verdict.average);
    for (const MemberVerdict& m : verdict.members) add(m.member->id, m.offset - verdict.average);
    if (names.empty()) return;
    out.add(EmitEvent{
        NoteEvent{Severity::warning, "the clocks lay years apart when the cluster was founded:" + names +
                                         "; does a machine's clock have no battery?"}});
}

void MasterCore::correct(const Verdict& verdict, RawTime now, Actions& out) {
    Discipline& clock = self_.discipline();
    const AdjustResult own = clock.apply({verdict.own_correction, verdict.own_freq_correction_ppb,
                                          std::max(inheritance_.bound(now), verdict.adopted_bound), now},
                                         now);
    if (own.applied != Applied::refused) self_.record_own_correction();
    out.add(PublishClock{});
    CorrectionEvent event;
    event.round = round_;
    event.correction = verdict.own_correction;
    event.freq_ppb = verdict.own_freq_correction_ppb;
    event.applied = own.applied;
    event.bound = clock.bound(now);
    event.status = self_.status();
    event.reason = own.reason;
    out.add(EmitEvent{std::move(event)});
    self_.tell_status(own.applied == Applied::refused ? own.reason : "the round's average was applied", out);
    // The others' corrections lead to the average as well, so without the master's own they would move the
    // clocks away from it. A master that cannot follow the average cannot lead; a standby must.
    own_refused_ = own.applied == Applied::refused;
    if (own_refused_) return;
    corrected_at_ = now;
    bool all_follow = true;
    for (const MemberVerdict& m : verdict.members) {
        const Member& member = *m.member;
        const Reply& reply = *member.reply;
        all_follow =
            all_follow && (reply.status != ClockStatus::synchronized || reply.applied_term == self_.term());
        if (m.waits) continue;
        watch_applied(*m.member, out);
        Correction correction;
        correction.round = round_;
        correction.target = member.id;
        correction.generation = member.generation;
        correction.basis_term = reply.applied_term;
        correction.basis_round = reply.applied_round;
        correction.measured_at = m.measured_at;
        correction.correction = m.correction;
        correction.freq_ppb = m.freq_correction_ppb;
        correction.bound = m.bound;
        correction.drift_ppb = m.drift_ppb;
        correction.outlier = m.outlier;
        out.add(Publish{Channel::publish, self_.make(std::move(correction)), leased_until_});
    }
    inheritance_.update_after_round(verdict.adopted_bound, all_follow, clock, now);
}

void MasterCore::report(const Verdict& verdict, Duration took, Actions& out) {
    RoundEvent event;
    event.round = round_;
    event.state = verdict.state;
    event.members = polled_;
    event.replied = static_cast<std::uint32_t>(verdict.members.size());
    event.average = verdict.average;
    event.duration = took;
    for (const MemberVerdict& m : verdict.members) event.peers.push_back(m.member->last);
    RoundNotice notice{round_, verdict.state, polled_, event.replied, verdict.average};
    out.add(Publish{Channel::publish, self_.make(notice)});
    out.add(EmitEvent{std::move(event)});
}

void MasterCore::drop_silent(Actions& out) {
    std::vector<NodeId> silent;
    for (auto& [id, member] : roster_.members()) {
        if (!member->in_round) continue;
        member->in_round = false;
        if (member->measurement) {
            member->answers_late = false;
            continue;
        }
        if (++member->missed >= kMissedRounds) silent.push_back(id);
    }
    const std::string rounds = std::to_string(kMissedRounds) + " rounds";
    for (const NodeId& id : silent) {
        remove_member(id,
                      roster_.by_id(id)->answers_late ? "its answers came too late for " + rounds +
                                                            ": its round trip is longer than --interval"
                                                      : "silent for " + rounds,
                      out);
    }
}

}  // namespace berkeley
