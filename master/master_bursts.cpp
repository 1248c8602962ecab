// The master core's bursts: which member is probed when, and what a burst tells of its clock.

#include <algorithm>
#include <cassert>
#include <utility>

#include "master/master_core.hpp"

namespace berkeley {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kWarmupProbes = 2;
/// A burst goes on after a lost probe, but not after so many in a row.
constexpr std::uint32_t kLostInARow = 5;
constexpr std::uint32_t kLostOfSilent = 3;
constexpr int kPatienceFactor = 4;
constexpr std::uint32_t kPatienceDoublings = 4;
/// Delays are smoothed over so many samples.
constexpr int kDelaySmoothing = 8;
/// How precisely a joining clock's own rate tells its oscillator's frequency.
constexpr double kFreqTrusted = 2'000;
constexpr double kFreqRestored = 20'000;
/// A clock's bound grows by so many deviations of its rate.
constexpr double kGrowthSigmas = 4;
/// Deviation of the clocks of synchronized nodes from each other.
constexpr Duration kClockTrusted = std::chrono::microseconds{5};

}  // namespace

Duration MasterCore::probe_patience() const {
    return std::clamp<Duration>(options_.interval / 4, milliseconds{20}, milliseconds{250});
}

/// The time to wait for a probe: one that takes several times longer than usual is not worth it. A member
/// that has not answered yet, or not in the last two rounds, may have a long way: each further round waits
/// for twice as long. A member whose round trip takes more than an interval cannot be measured.
Duration MasterCore::probe_patience(const Member& member) const {
    const bool known = member.delay_usual > Duration{0};
    const std::uint32_t doublings = std::min(member.missed, kPatienceDoublings);
    if (known && doublings <= 1) {
        const Duration usual = std::max<Duration>(kPatienceFactor * member.delay_usual, milliseconds{20});
        return std::min(usual,
                        std::max(probe_patience(), std::min(2 * member.delay_usual, options_.interval)));
    }
    return std::min(probe_patience() * (std::int64_t{1} << doublings), options_.interval);
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
    // An answer to the last burst's last probe is late, not forged.
    const std::uint64_t last = member.burst.token;
    member.burst = {};
    member.burst.token = last;
    member.burst.active = true;
    const Duration usual = std::max<Duration>(options_.interval / 2, 2 * probe_patience());
    // Two probes fit in where the way is long, but the round's other members wait for this one.
    const Duration slow = std::min<Duration>(2 * probe_patience(member), options_.interval);
    member.burst.deadline = now + std::max(usual, slow);
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
    if (burst.previous_token != 0 && reply.token == burst.previous_token) {
        member->answers_late = true;
        return drop("late-reply", out);
    }
    if (reply.token != burst.token || reply.probe != burst.probe || burst.fate == ProbeFate::none) {
        return drop("unexpected-reply", out);
    }
    if (burst.fate == ProbeFate::answered) return drop("duplicate-reply", out);
    if (burst.fate == ProbeFate::expired || !burst.active) {
        member->answers_late = true;
        return drop("late-reply", out);
    }
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
    member.jump = member.estimator.jump(*member.measurement, self_.discipline().options().max_drift_ppb);
    member.gated = !member.estimator.update(*member.measurement);
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

}  // namespace berkeley
