// The order of things in a verdict:
//
//   raw estimates --maps--> offsets of the target clocks --who may vote?--> average A --> A - offset, each
//
// Who votes: in steady state only clocks that know the time (SYNCHRONIZED or HOLDOVER) and are not under the
// falseticker's hysteresis; at a cold start everyone. It fails where more clocks lie than the vote bears: then
// lo > hi, the round is SPLIT, and nobody is corrected.

#include "master/verdict.hpp"

#include <algorithm>
#include <cmath>

#include "estimate/average.hpp"

namespace berkeley {

namespace {

/// A member's own claim of its bound widens its interval no further than this: no liar claims infinity.
constexpr Duration kClaimMax = std::chrono::milliseconds{1};
/// A falseticker votes again after so many rounds of agreement.
constexpr std::uint32_t kReadmission = 3;

bool trusted(const Member& member) {
    return member.reply && (member.reply->status == ClockStatus::synchronized ||
                            member.reply->status == ClockStatus::holdover);
}

Duration magnitude(Duration d) { return d < Duration{0} ? -d : d; }

/// No clock is told to run at a rate that its map could not hold.
std::int64_t to_ppb(double rate) {
    constexpr double kRateMax = static_cast<double>(kRateMaxPpb) * 1e-9;
    return std::llround(std::clamp(rate, -kRateMax, kRateMax) * 1e9);
}

/// Offset and error of one member at `now`; nothing where its claims lie outside all reason.
std::optional<MemberVerdict> measure(Member& member, const Discipline& own, RawTime now) {
    const auto at_sample = member.estimator.predict(member.measurement->at);
    const auto estimate = member.estimator.predict(now);
    if (!at_sample || !estimate) return std::nullopt;
    const RawTime remote = from_ns<RawTime>(saturate(Int128{to_ns(now)} + estimate->offset.count()));
    const ClusterTime theirs = member.reply->map.target(remote);
    const ClusterTime ours = own.map().target(now);
    if (!is_sane(remote) || !is_sane(theirs)) return std::nullopt;
    MemberVerdict result;
    result.member = &member;
    result.offset = theirs - ours;
    result.half_width = member.measurement->delay / 2 +
                        magnitude(member.measurement->offset - at_sample->offset) + Duration{1};
    result.freq_ppb = estimate->freq_ppb;
    return result;
}

void correct_frequency(Verdict& verdict, const Discipline& own) {
    // Alone, the master keeps the rate that the ensemble had agreed on.
    if (verdict.members.empty()) return;
    std::vector<double> rates{0.0};
    for (const MemberVerdict& m : verdict.members) {
        if (!m.outlier) rates.push_back(m.freq_ppb);
    }
    // The ensemble's rate against the master's oscillator, and every map's rate so that all tick alike.
    const double ensemble = trimmed_mean(std::move(rates)) * 1e-9;
    verdict.own_freq_correction_ppb = to_ppb(ensemble) - own.map().rate_ppb;
    for (MemberVerdict& m : verdict.members) {
        const double rate = (1.0 + ensemble) / (1.0 + m.freq_ppb * 1e-9) - 1.0;
        m.freq_correction_ppb = to_ppb(rate) - m.member->reply->map.rate_ppb;
    }
}

void note_falsetickers(Verdict& verdict, const Average& average) {
    for (MemberVerdict& m : verdict.members) {
        Member& member = *m.member;
        const bool misses =
            m.offset + m.half_width < average.low || m.offset - m.half_width > average.high;
        if (average.degraded) {
            // Two clocks can disagree, but neither can be called the false one; one that does not know the
            // time yet can.
            member.falseticker = false;
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
    const bool steady = own.trusted() || 2 * voters_trusted > clocks;
    if (!steady && (options.gathering || verdict.members.empty())) return verdict;

    std::vector<Contribution> votes;
    std::vector<MemberVerdict*> voters;
    const bool master_votes = !steady || own.trusted();
    if (master_votes) {
        votes.push_back({Duration{0}, magnitude(own.map().slew_left(now)) + options.inherited_bound});
    }
    Duration error_max{0};
    for (MemberVerdict& m : verdict.members) {
        const Duration claim = steady ? std::clamp(m.member->reply->bound, Duration{0}, kClaimMax) : Duration{0};
        if (steady && (!trusted(*m.member) || m.member->falseticker)) continue;
        votes.push_back({m.offset, m.half_width + claim});
        voters.push_back(&m);
        error_max = std::max(error_max, m.half_width);
    }
    std::optional<Contribution> predicted;
    if (own.trusted()) predicted = Contribution{Duration{0}, own.bound(now)};
    const Average average = steady ? fault_tolerant_average(votes, predicted) : cold_start_average(votes);
    verdict.state = !steady            ? RoundState::cold_start
                    : average.split    ? RoundState::split
                    : average.degraded ? RoundState::degraded
                                       : RoundState::steady;
    if (average.split) return verdict;

    if (steady) {
        note_falsetickers(verdict, average);
        for (std::size_t i = 0; i < voters.size(); ++i) {
            voters[i]->outlier = voters[i]->outlier || average.outlier[i + (master_votes ? 1 : 0)];
        }
    } else {
        for (std::size_t i = 0; i < voters.size(); ++i) voters[i]->outlier = average.outlier[i + 1];
    }
    verdict.self_outlier = master_votes && average.outlier[0];
    verdict.average = average.value;
    if (own.trusted()) {
        const Duration drift{saturate(Int128{options.interval.count()} * 2 * own.options().max_drift_ppb /
                                      1'000'000'000)};
        const Duration limit = drift + error_max;
        verdict.average = std::clamp(verdict.average, -limit, limit);
    }
    verdict.correct = true;
    verdict.own_correction = verdict.average;
    correct_frequency(verdict, own);
    const Duration a_master = options.inherited_bound +
                              magnitude(own.map().slew_left(now) + (own.trusted() ? verdict.average : Duration{0}));
    for (MemberVerdict& m : verdict.members) {
        m.correction = verdict.average - m.offset;
        m.bound = m.half_width + a_master;
    }
    return verdict;
}

}  // namespace berkeley
