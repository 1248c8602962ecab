// The order of things in a verdict:
//
//   raw estimates --maps--> offsets of the target clocks --who may vote?--> average A --> A - offset, each
//
// Votes: in steady state only clocks vote that know the time (SYNCHRONIZED or HOLDOVER) and are not in a
// falseticker's hysteresis. At a cold start, where neither the master nor most of the others know the time,
// every clock votes. Failure mode: more clocks lie than the vote bears. Then lo > hi, the round is SPLIT,
// and nobody is corrected.

#include "master/verdict.hpp"

#include <algorithm>
#include <cmath>

#include "base/plausible_time.hpp"
#include "estimate/average.hpp"

namespace berkeley {

namespace {

/// A member's own claim of its bound widens its interval by at most this, or by four times the usual width
/// here, so that no liar claims infinity. A member that claims more has no vote, unless too few are left to
/// vote.
constexpr Duration kClaimMax = std::chrono::milliseconds{1};
constexpr int kClaimFactor = 4;
/// A vote needs so many clocks.
constexpr std::size_t kVote = 3;
/// A falseticker votes again after so many rounds of agreement.
constexpr std::uint32_t kReadmission = 3;
/// Every bound allows for a drift. Cluster time itself uses one part in kMovingShare of it to move toward
/// the ensemble, and in each round one part in kRateShare to change its rate: a clock that missed a
/// correction knows of neither.
constexpr std::int64_t kMovingShare = 5;
constexpr std::int64_t kRateShare = 50;
/// Only frequencies known to within this take part in the ensemble's.
constexpr double kFreqKnown = 5'000;

bool trusted(const Member& member) {
    return member.reply && (member.reply->status == ClockStatus::synchronized ||
                            member.reply->status == ClockStatus::holdover);
}

Duration magnitude(Duration d) { return d < Duration{0} ? -d : d; }

/// Limits a rate to what a clock's map can hold.
std::int64_t to_ppb(double rate) {
    constexpr double kRateMax = static_cast<double>(kRateMaxPpb) * 1e-9;
    return std::llround(std::clamp(rate, -kRateMax, kRateMax) * 1e9);
}

/// Offset and error of one member at `now`; nothing where its claims are impossible.
std::optional<MemberVerdict> measure(Member& member, const Discipline& own, RawTime now) {
    const Sample& tightest = member.measurement->tightest;
    const auto at_sample = member.estimator.predict(tightest.at);
    const auto estimate = member.estimator.predict(now);
    if (!at_sample || !estimate) return std::nullopt;
    const RawTime remote = from_ns<RawTime>(saturate(Int128{to_ns(now)} + estimate->offset.count()));
    const ClusterTime theirs = member.reply->map.target(remote);
    const ClusterTime ours = own.map().target(now);
    if (!is_sane(remote) || !is_sane(theirs)) return std::nullopt;
    MemberVerdict result;
    result.member = &member;
    result.offset = theirs - ours;
    result.plausible = is_plausible(theirs);
    // The fastest probe limits the true offset most narrowly, whatever the estimate is made of.
    result.half_width =
        tightest.delay / 2 + kReceiveDoubt + Duration{1} + magnitude(tightest.offset - at_sample->offset);
    result.measured_at = from_ns<RawTime>(saturate(Int128{to_ns(tightest.at)} + tightest.offset.count()));
    result.freq_ppb = estimate->freq_ppb;
    result.freq_stddev_ppb = estimate->freq_stddev_ppb;
    result.drift_ppb = std::min<std::int64_t>(
        own.options().max_drift_ppb + std::llround(estimate->freq_bound_ppb), kDriftMaxPpb);
    return result;
}

Duration drifted(std::int64_t ppb, Duration age) {
    return Duration{saturate(Int128{std::max<std::int64_t>(0, age.count())} * ppb / 1'000'000'000)};
}

/// h_i: the measurement's error, its growth since then, and the member's own claim.
Duration vote_width(const MemberVerdict& m, Duration claim, RawTime now) {
    return m.half_width + drifted(m.drift_ppb, now - m.member->measurement->tightest.at) + claim;
}

Duration claim_limit(const std::vector<MemberVerdict>& members) {
    std::vector<Duration> widths;
    for (const MemberVerdict& m : members) widths.push_back(m.half_width);
    if (widths.empty()) return kClaimMax;
    const auto middle = widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 2);
    std::nth_element(widths.begin(), middle, widths.end());
    return std::max(kClaimMax, kClaimFactor * std::min<Duration>(*middle, std::chrono::hours{1}));
}

/// Whether the member's first correction waits for a better measurement: the correction would step the
/// clock, may still wait, and waiting takes less time than slewing away the error that the measurement may
/// bring.
bool waits(const MemberVerdict& m, std::int64_t max_slew_ppb, Duration interval) {
    const Reply& reply = *m.member->reply;
    const bool steps =
        !trusted(*m.member) && (reply.applied_term == 0 || reply.status == ClockStatus::disrupted);
    const Int128 wait = Int128{interval.count()} * (kFirstMeasurements - 1);
    return steps && m.member->estimator.measurements() < kFirstMeasurements &&
           wait * max_slew_ppb < Int128{m.half_width.count()} * 1'000'000'000;
}

/// Where clocks jump against the master's in one round, all one way and about as far, the master's has
/// jumped: certainly where most did. Where only some did, the master's machine may have stood still in the
/// midst of the round. Then those get no correction from a measurement that nothing has confirmed yet.
void note_jumps(Verdict& verdict) {
    std::vector<MemberVerdict*> ahead;
    std::vector<MemberVerdict*> behind;
    for (MemberVerdict& m : verdict.members) {
        if (magnitude(m.member->jump) < kJumpMin) continue;
        (m.member->jump > Duration{0} ? ahead : behind).push_back(&m);
    }
    std::vector<MemberVerdict*>& most = ahead.size() > behind.size() ? ahead : behind;
    if (most.size() < 2) return;
    const auto by_jump = [](const MemberVerdict* a, const MemberVerdict* b) {
        return a->member->jump < b->member->jump;
    };
    const auto middle = most.begin() + static_cast<std::ptrdiff_t>(most.size() / 2);
    std::nth_element(most.begin(), middle, most.end(), by_jump);
    const Duration usual = (*middle)->member->jump;
    std::erase_if(most, [&](const MemberVerdict* m) {
        return magnitude(m->member->jump - usual) > magnitude(usual) / 2;
    });
    if (2 * most.size() > verdict.members.size() && most.size() >= 2) {
        verdict.own_jump = usual;
    } else if (most.size() >= 2) {
        for (MemberVerdict* m : most) m->doubted = m->member->gated;
    }
}

bool eligible(const Member& member) { return trusted(member) && !member.falseticker; }

/// Whether members that claim a wide bound vote with that width. After a long holdover an honest clock
/// claims milliseconds. An interval narrower than its claim would make it a falseticker, or split a cluster
/// that only drifted. So beside clocks that know better it does not vote, and where the vote needs it, it
/// counts as wide as it claims. A liar that claims infinity gains nothing: so wide an interval moves neither
/// end of the agreed one inward.
bool counts_wide_claims(const std::vector<MemberVerdict>& members, const Discipline& own) {
    const Duration limit = claim_limit(members);
    std::size_t narrow = own.status() == ClockStatus::synchronized ? 1 : 0;
    for (const MemberVerdict& m : members) {
        if (eligible(*m.member) && m.member->reply->bound <= limit) ++narrow;
    }
    return narrow < kVote || own.status() != ClockStatus::synchronized;
}

void correct_frequency(Verdict& verdict, const Discipline& own, const VerdictOptions& options) {
    // A master alone keeps the rate that the ensemble had agreed on.
    if (verdict.members.empty()) return;
    std::vector<double> rates{0.0};
    for (const MemberVerdict& m : verdict.members) {
        if (!m.outlier && m.freq_stddev_ppb <= kFreqKnown) rates.push_back(m.freq_ppb);
    }
    // Finds the ensemble's rate against the master's oscillator, and the rate of every map at which all tick
    // alike. Where no frequency is known yet, cluster time keeps its rate.
    const std::int64_t had = own.map().rate_ppb;
    const std::int64_t wanted = rates.size() > 1 ? to_ppb(trimmed_mean(std::move(rates)) * 1e-9) : had;
    const std::int64_t limit =
        options.rate_limit_ppb.value_or(std::max<std::int64_t>(1, own.options().max_drift_ppb / kRateShare));
    verdict.own_freq_correction_ppb = own.trusted() ? std::clamp(wanted - had, -limit, limit) : wanted - had;
    verdict.rate_ahead_ppb = std::abs(wanted - had - verdict.own_freq_correction_ppb);
    const double ensemble = static_cast<double>(had + verdict.own_freq_correction_ppb) * 1e-9;
    for (MemberVerdict& m : verdict.members) {
        const double rate = (1.0 + ensemble) / (1.0 + m.freq_ppb * 1e-9) - 1.0;
        m.freq_correction_ppb = to_ppb(rate) - m.member->reply->map.rate_ppb;
    }
}

void note_falsetickers(Verdict& verdict, const Average& average, RawTime now) {
    for (MemberVerdict& m : verdict.members) {
        Member& member = *m.member;
        const Duration width = vote_width(m, Duration{0}, now);
        const bool misses = m.offset + width < average.low || m.offset - width > average.high;
        if (average.degraded && !member.falseticker) {
            // Of two clocks that disagree neither can be called false, unless one does not know the time
            // yet. A clock that a vote has found to be false stays so until it agrees.
            m.outlier = misses && !trusted(member);
            continue;
        }
        if (misses) {
            member.falseticker = true;
            member.agreeing_rounds = 0;
        } else if (member.falseticker && ++member.agreeing_rounds >= kReadmission) {
            member.falseticker = false;
        }
        m.outlier = misses;
    }
}

/// What the average means for each clock: its correction, and the bound that it has then.
void correct(Verdict& verdict, const Average& average, bool steady, Duration claim_max, const Discipline& own,
             const VerdictOptions& options, RawTime now) {
    verdict.average = average.value;
    if (own.trusted() && !verdict.self_outlier) {
        // Cluster time exists: it moves toward the ensemble no faster than every bound allows for.
        const Duration limit = drifted(own.options().max_drift_ppb / kMovingShare, options.interval);
        verdict.average = std::clamp(verdict.average, -limit, limit);
    } else if (steady) {
        // The true time lies where the intervals meet. The mean of two clocks may lie outside.
        verdict.adopted_bound =
            std::max({average.high - average.low, average.value - average.low, average.high - average.value});
    }
    verdict.correct = true;
    verdict.own_correction = verdict.average;
    correct_frequency(verdict, own, options);
    const bool slews = !own.would_step(verdict.average, now);
    const Duration a_master = std::max(options.inherited_bound, verdict.adopted_bound) +
                              magnitude(own.map().slew_left(now) + (slews ? verdict.average : Duration{0}));
    for (MemberVerdict& m : verdict.members) {
        m.waits =
            m.doubted || (m.half_width > claim_max && waits(m, own.options().max_slew_ppb, options.interval));
        if (!m.waits) m.correction = verdict.average - m.offset;
        m.bound = m.half_width + a_master;
    }
}

}  // namespace

Verdict judge(Roster& roster, const Discipline& own, const VerdictOptions& options, RawTime now) {
    Verdict verdict;
    std::size_t voters_trusted = own.trusted() ? 1 : 0;
    for (auto& [id, member] : roster.members()) {
        if (!member->measurement || !member->reply) continue;
        auto measured = measure(*member, own, now);
        if (!measured) continue;
        if (trusted(*member)) ++voters_trusted;
        verdict.members.push_back(*measured);
    }
    const std::size_t clocks = verdict.members.size() + 1;
    // Once all are here, a master that does not know the time counts for neither side, so that a clock that
    // kept the time is not averaged with one that lost it. Liars, fewer than a third of all, are never a
    // majority by themselves.
    const std::size_t asked = options.gathering ? clocks : verdict.members.size();
    const bool steady = own.trusted() || 2 * voters_trusted > asked;
    if (!steady && (options.gathering || verdict.members.empty())) return verdict;
    if (own.trusted()) note_jumps(verdict);
    if (verdict.own_jump != Duration{0}) {
        verdict.state = RoundState::split;
        return verdict;
    }

    std::vector<Contribution> votes;
    std::vector<MemberVerdict*> voters;
    const bool sane = is_plausible(own.map().target(now));
    const bool others_sane = std::any_of(verdict.members.begin(), verdict.members.end(),
                                         [](const MemberVerdict& m) { return m.plausible; });
    const bool master_votes = steady ? own.trusted() : sane || !others_sane;
    if (master_votes) {
        votes.push_back({Duration{0}, magnitude(own.map().slew_left(now)) + options.inherited_bound});
    }
    const bool wide = steady && counts_wide_claims(verdict.members, own);
    const Duration claim_max = claim_limit(verdict.members);
    for (MemberVerdict& m : verdict.members) {
        if (steady && (!eligible(*m.member) || (!wide && m.member->reply->bound > claim_max))) continue;
        m.outlier = !steady && !m.plausible && (sane || others_sane);
        if (m.outlier) continue;
        const Duration claim = steady ? std::max(Duration{0}, m.member->reply->bound) : Duration{0};
        votes.push_back({m.offset, vote_width(m, claim, now)});
        voters.push_back(&m);
    }
    if (votes.empty()) {
        // All clocks that know the time are falsetickers, so no vote is left.
        verdict.state = RoundState::split;
        return verdict;
    }
    std::optional<Contribution> predicted;
    if (own.trusted()) predicted = Contribution{Duration{0}, own.bound(now)};
    Average average = steady ? fault_tolerant_average(votes, predicted) : cold_start_average(votes);
    if (average.split && votes.size() == 2 && master_votes && options.split_rounds >= kSplitRounds) {
        // The master's vote alone.
        average.split = false;
        average.low = -votes.front().half_width;
        average.high = votes.front().half_width;
        average.outlier = {false, true};
    }
    verdict.state = !steady            ? RoundState::cold_start
                    : average.split    ? RoundState::split
                    : average.degraded ? RoundState::degraded
                                       : RoundState::steady;
    if (average.split) return verdict;

    if (steady) {
        note_falsetickers(verdict, average, now);
        for (std::size_t i = 0; i < voters.size(); ++i) {
            voters[i]->outlier = voters[i]->outlier || average.outlier[i + (master_votes ? 1 : 0)];
        }
    } else {
        for (std::size_t i = 0; i < voters.size(); ++i)
            voters[i]->outlier = average.outlier[i + (master_votes ? 1 : 0)];
    }
    verdict.self_outlier = master_votes && average.outlier[0] && !average.degraded;
    const bool adopts = options.self_outlier_rounds >= kSelfOutlierRounds && options.none_follow;
    if (steady && verdict.self_outlier && !adopts) return verdict;
    correct(verdict, average, steady, claim_max, own, options, now);
    return verdict;
}

}  // namespace berkeley
