#include "master/master_core.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "base/text.hpp"

namespace berkeley {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kMissedRounds = 3;
constexpr std::size_t kWarmupProbes = 2;
/// A burst goes on after a lost probe, but not after so many in a row.
constexpr std::uint32_t kLostInARow = 5;
constexpr std::uint32_t kLostOfSilent = 3;
constexpr int kPatienceFactor = 4;
/// Delays are smoothed over so many samples.
constexpr int kDelaySmoothing = 8;
/// A member may come back as another clock no sooner than this.
constexpr Duration kRejoinAgain = milliseconds{500};
/// A candidate that does not lead forgets members that have not greeted it for so long.
constexpr Duration kGreetingAge = seconds{10};
/// A cold start waits until nobody has joined for two intervals, and for the time that a slave started
/// before its master may need to find it. It does not wait for ever where slaves trickle in.
constexpr int kSettleIntervals = 2;
constexpr Duration kSettleMin = milliseconds{1500};
constexpr Duration kSettleMax = seconds{10};
/// How precisely a joining clock's own rate tells its oscillator's frequency.
constexpr double kFreqTrusted = 2'000;
constexpr double kFreqRestored = 20'000;
/// A cluster that was just founded must still find the rate of its time. Until then bounds also grow by the
/// change of rate that is still to come.
constexpr Duration kFoundingRate = seconds{60};
/// A clock's bound grows by so many deviations of its rate.
constexpr double kGrowthSigmas = 4;
/// Deviation of the clocks of synchronized nodes from each other.
constexpr Duration kClockTrusted = std::chrono::microseconds{5};

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

Duration MasterCore::probe_patience() const {
    return std::clamp<Duration>(options_.interval / 4, milliseconds{20}, milliseconds{250});
}

/// The time to wait for a probe: one that takes several times longer than usual is not worth it.
Duration MasterCore::probe_patience(const Member& member) const {
    if (member.delay_usual == Duration{0}) return probe_patience();
    return std::min(probe_patience(),
                    std::max<Duration>(kPatienceFactor * member.delay_usual, milliseconds{20}));
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
        member->in_round = true;
    }
    polled_ = static_cast<std::uint32_t>(waiting_.size());
    pace_ = std::min(options_.pace_max, options_.interval / (2 * std::max<std::int64_t>(1, polled_)));
}

/// Slaves refuse a correction whose measurement is two intervals old. So a round that takes longer than one
/// interval ends with the members measured so far, and the next round begins with the others.
void MasterCore::skip_waiting_members() {
    first_ = waiting_.front();
    for (const NodeId& id : waiting_) {
        if (Member* member = roster_.by_id(id)) member->in_round = false;
    }
    waiting_.clear();
}

void MasterCore::start_due_bursts(RawTime now, Actions& out) {
    while (!waiting_.empty() && bursting_.size() < options_.window && now >= burst_at_) {
        const NodeId id = waiting_.front();
        waiting_.pop_front();
        // After a late start the next bursts still keep their distance from this one.
        burst_at_ = std::max(burst_at_ + pace_, now);
        if (Member* member = roster_.by_id(id)) start_burst(*member, now, out);
    }
}

void MasterCore::start_burst(Member& member, RawTime now, Actions& out) {
    member.burst = {};
    member.burst.active = true;
    member.burst.deadline = now + std::max<Duration>(options_.interval / 2, 2 * probe_patience());
    bursting_.push_back(&member);
    probe(member, now, out);
}

void MasterCore::probe(Member& member, RawTime now, Actions& out) {
    Burst& burst = member.burst;
    burst.previous_token = burst.token;
    burst.token = prng_.next() | 1;
    burst.fate = ProbeFate::pending;
    burst.t1 = now;
    burst.probe_deadline = now + probe_patience(member);
    out.add(SendToRoute{member.route, self_.make(Poll{round_, burst.probe, burst.token}), burst.token});
}

void MasterCore::on_sent(std::uint64_t token, RawTime t1) {
    for (Member* member : bursting_) {
        if (member->burst.token == token) member->burst.t1 = t1;
    }
}

void MasterCore::on_reply(Route route, const NodeId& sender, const Reply& reply, RawTime t4, Actions& out) {
    // This node no longer leads, so no probe is open.
    if (!running_) return drop("late-reply", out);
    Member* member = roster_.by_route(route);
    if (member == nullptr) return drop("unknown-member", out);
    if (member->id != sender) return drop("wrong-sender", out);
    if (member->generation != reply.generation) return drop("generation", out);
    if (member->challenge_token != 0 && reply.token == member->challenge_token) {
        member->heard_at = t4;
        return;
    }
    Burst& burst = member->burst;
    if (burst.previous_token != 0 && reply.token == burst.previous_token) return drop("late-reply", out);
    if (reply.token != burst.token || reply.probe != burst.probe || burst.fate == ProbeFate::none) {
        return drop("unexpected-reply", out);
    }
    if (burst.fate == ProbeFate::answered) return drop("duplicate-reply", out);
    if (burst.fate == ProbeFate::expired || !burst.active) return drop("late-reply", out);
    burst.fate = ProbeFate::answered;
    burst.lost_in_a_row = 0;
    member->heard_at = t4;
    // In the first round nobody can have applied a correction of this term, unless an earlier life of this
    // node led in it. We believe that once a life, because a liar could claim it for ever.
    if (round_ <= 1 && !used_before_told_ && reply.applied_term == self_.term() &&
        reply.applied_round >= round_) {
        used_before_told_ = term_used_before_ = true;
    }
    take_sample(*member, reply, t4, out);
    next_probe(*member, t4, out);
    if (in_round_ && waiting_.empty() && bursting_.empty()) conclude(t4, out);
}

void MasterCore::next_probe(Member& member, RawTime now, Actions& out) {
    Burst& burst = member.burst;
    // Fewer lost probes are enough for a member that may be gone: many dead members must not delay the
    // round.
    const bool silent = burst.samples.empty() && (member.missed > 0 || !member.replied_in_term);
    const std::uint32_t lost_max = silent ? kLostOfSilent : kLostInARow;
    if (burst.probe + 1 < options_.burst && now < burst.deadline && burst.lost_in_a_row < lost_max) {
        ++burst.probe;
        probe(member, now, out);
    } else {
        end_burst(member);
    }
}

void MasterCore::note_delay(Member& member, Duration delay) {
    if (member.delay_usual == Duration{0}) member.delay_usual = delay;
    member.delay_usual += (delay - member.delay_usual) / kDelaySmoothing;
}

void MasterCore::take_sample(Member& member, const Reply& reply, RawTime t4, Actions& out) {
    auto sample = cristian({member.burst.t1, reply.t2, reply.t3, t4});
    if (!sample) {
        return drop(sample.error() == StampError::residence ? "impossible-residence" : "impossible-stamps",
                    out);
    }
    // The residence was measured in the slave's seconds, which are not ours.
    const Duration residence = reply.t3 - reply.t2;
    sample->delay += Duration{
        saturate(Int128{residence.count()} * 2 * self_.discipline().options().max_drift_ppb / 1'000'000'000)};
    if (member.burst.probe < kWarmupProbes) ++member.burst.warmup;
    member.burst.samples.push_back(*sample);
    note_delay(member, sample->delay);
    member.reply = reply;
    member.replied_in_term = true;
    member.missed = 0;
}

void MasterCore::end_burst(Member& member) {
    if (!member.burst.active) return;
    member.burst.active = false;
    std::erase(bursting_, &member);
    const auto known = member.burst.samples.empty()
                           ? std::optional<Estimate>{}
                           : member.estimator.predict(member.burst.samples.back().at);
    member.measurement = combine_burst(
        member.burst.samples, {.warmup = member.burst.warmup, .freq_ppb = known ? known->freq_ppb : 0});
    if (!member.measurement) return;
    if (!member.estimator.predict(member.measurement->at)) apply_known_clock(member);
    member.estimator.update(*member.measurement);
}

/// Before the first measurement: starts the estimator from what the two clocks learned under an earlier
/// master.
void MasterCore::apply_known_clock(Member& member) const {
    const ClockMap& theirs = member.reply->map;
    const ClockMap& ours = self_.discipline().map();
    const ClockStatus status = member.reply->status;
    // The rate of the member's clock tells its oscillator's frequency, if the member knows the time.
    const double freq = (1.0 + static_cast<double>(ours.rate_ppb) * 1e-9) /
                            (1.0 + static_cast<double>(theirs.rate_ppb) * 1e-9) -
                        1.0;
    // A clock whose rate was not yet well known shows it by the growth of its bound.
    const std::int64_t usual = self_.discipline().options().max_drift_ppb;
    const auto unknown =
        static_cast<double>(member.reply->drift_ppb - usual + self_.discipline().drift_ppb() - usual);
    if (!self_.discipline().trusted() ||
        (status != ClockStatus::synchronized && status != ClockStatus::holdover)) {
        if (theirs.rate_ppb != 0 && ours.rate_ppb != 0) {
            member.estimator.set_prior_frequency(freq * 1e9, std::max(kFreqRestored, unknown),
                                                 std::max(4 * kFreqRestored, unknown));
        } else if (self_.discipline().trusted()) {
            // Any oscillator is nearer to cluster time than to an oscillator of ours that runs far off.
            member.estimator.set_prior_frequency(freq * 1e9);
        }
        return;
    }
    // The growth of both bounds covers the truth, so it is a multiple of the deviation.
    const double stddev = std::max(kFreqTrusted, unknown / kGrowthSigmas);
    member.estimator.set_prior_frequency(freq * 1e9, stddev, std::max(kGrowthSigmas * kFreqTrusted, unknown));
    // Synchronized clocks read the same to a few microseconds. One burst is less precise than that before
    // the path's delay is known, so we start from it unless the measurement denies it.
    const Measurement& measured = *member.measurement;
    const RawTime remote = from_ns<RawTime>(saturate(Int128{to_ns(measured.at)} + measured.offset.count()));
    const Duration apart = theirs.target(remote) - ours.target(measured.at);
    const Duration believable = measured.delay / 2 + 4 * kClockTrusted;
    const bool both = status == ClockStatus::synchronized && self_.discipline().status() == status;
    if (both && apart <= believable && apart >= -believable) {
        member.estimator.set_prior_offset(measured.at, measured.offset - apart,
                                          static_cast<double>(kClockTrusted.count()));
    }
}

void MasterCore::expire_probes(RawTime now, Actions& out) {
    const std::vector<Member*> bursting = bursting_;
    for (Member* member : bursting) {
        if (now < member->burst.probe_deadline && now < member->burst.deadline) continue;
        member->burst.fate = ProbeFate::expired;
        ++member->burst.lost_in_a_row;
        if (member->delay_usual > Duration{0}) note_delay(*member, 3 * member->delay_usual / 2);
        // A burst may end short; what it has measured so far still counts.
        next_probe(*member, now, out);
    }
}

void MasterCore::update_warm() {
    std::size_t replied = 0;
    for (const auto& [id, member] : roster_.members()) replied += member->replied_in_term ? 1U : 0U;
    warm_ = warm_ || 2 * replied >= roster_.size();
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
    if (verdict.correct) correct(verdict, now, out);
    for (auto& m : verdict.members) {
        m.member->last = {m.member->id, m.offset,     m.member->measurement->delay,
                          m.bound,      m.correction, static_cast<std::int64_t>(m.freq_ppb),
                          m.outlier};
    }
    report(verdict, now - began, out);
}

void MasterCore::correct(const Verdict& verdict, RawTime now, Actions& out) {
    Discipline& clock = self_.discipline();
    const AdjustResult own = clock.apply({verdict.own_correction, verdict.own_freq_correction_ppb,
                                          std::max(inheritance_.bound(now), verdict.adopted_bound), now},
                                         now);
    out.add(PublishClock{});
    CorrectionEvent event;
    event.round = round_;
    event.correction = verdict.own_correction;
    event.freq_ppb = verdict.own_freq_correction_ppb;
    event.applied = own.applied;
    event.bound = clock.bound(now);
    event.status = clock.status();
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
        all_follow = all_follow && reply.applied_term == self_.term();
        if (m.waits) continue;
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
        if (member->measurement) continue;
        if (++member->missed >= kMissedRounds) silent.push_back(id);
    }
    for (const NodeId& id : silent) {
        remove_member(id, "silent for " + std::to_string(kMissedRounds) + " rounds", out);
    }
}

}  // namespace berkeley
