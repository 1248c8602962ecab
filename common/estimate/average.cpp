// Fault-tolerant averaging, as one picture for n = 4, f = 1:
//
//   a        |-----x-----|
//   b          |---x---|              lo: the (f+1)-th largest left end    (at least one honest clock
//   c            |-----x-----|        hi: the (f+1)-th smallest right end   starts before lo, ends after hi)
//   liar                                         |--x--|
//                 [lo      hi]        drop f lowest and f highest offsets, clamp the rest, take the mean
//
// With at most f liars, lo and hi are bounded by honest ends, so [lo, hi] lies within the reach of honest
// intervals (Schmid and Schossmaier, "How to reconcile fault-tolerant interval intersection with the
// Lipschitz condition", Distributed Computing 14, 2001). Order statistics, clamping and means never move
// farther than their inputs, so A moves by at most as much as the input that moves most.
//
// Rejected: the largest clique within gamma (original Berkeley): it jumps when the clique changes, and clocks
// of one hardware model err alike, so the commonest model wins. Marzullo's intersection: same worst case, but
// not continuous.
//
// Failure mode: more than f liars. Where no instant is within n - f intervals we see it: the round is SPLIT
// (lo > hi is the plainest case; three clocks do not show it). Where the liars agree with each other and are
// the majority, nothing can see it.

#include "estimate/average.hpp"

#include <algorithm>
#include <functional>

#include "base/int128.hpp"

namespace berkeley {

namespace {

Int128 left(const Contribution& c) { return Int128{c.offset.count()} - c.half_width.count(); }
Int128 right(const Contribution& c) { return Int128{c.offset.count()} + c.half_width.count(); }
Duration to_duration(Int128 value) { return Duration{saturate(value)}; }

std::size_t faults_borne(std::size_t n) { return n < 3 ? 0 : std::max<std::size_t>(1, (n - 1) / 3); }

Duration mean(const std::vector<Int128>& values) {
    Int128 sum = 0;
    for (const Int128 v : values) sum += v;
    return to_duration(floor_div(sum, static_cast<Int128>(values.size())));
}

/// Twice the median, so that the mean of the two middle ones stays an integer. Requires: not empty.
Int128 twice_median(std::vector<Int128> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return 2 * *middle;
    return *middle + *std::max_element(values.begin(), middle);
}

void mark_outliers(std::span<const Contribution> members, Int128 low, Int128 high, Average& result) {
    for (std::size_t i = 0; i < members.size(); ++i) {
        result.outlier[i] = left(members[i]) > high || right(members[i]) < low;
    }
    result.low = to_duration(low);
    result.high = to_duration(high);
}

/// Selects instead of sorting: in a round of 10,000 clocks the difference is noticeable.
Duration clamped_mean(std::span<const Contribution> members, Int128 low, Int128 high, std::size_t trim) {
    std::vector<std::int64_t> offsets;
    offsets.reserve(members.size());
    for (const Contribution& c : members) offsets.push_back(c.offset.count());
    const auto first = offsets.begin() + static_cast<std::ptrdiff_t>(trim);
    const auto last = offsets.end() - static_cast<std::ptrdiff_t>(trim);
    if (trim > 0) {
        std::nth_element(offsets.begin(), first, offsets.end());
        std::nth_element(first, last, offsets.end());
    }
    Int128 sum = 0;
    for (auto offset = first; offset != last; ++offset) sum += std::clamp(Int128{*offset}, low, high);
    return to_duration(floor_div(sum, static_cast<Int128>(last - first)));
}

/// Where more than half of the intervals share a stretch that `predicted` meets, we believe them.
bool resolve_split(std::span<const Contribution> members, const Contribution& predicted, Average& result) {
    struct Edge {
        Int128 at;
        int step;
    };
    std::vector<Edge> edges;
    edges.reserve(2 * members.size());
    for (const Contribution& c : members) {
        edges.push_back({left(c), +1});
        edges.push_back({right(c), -1});
    }
    // Intervals are closed: at one point the beginnings come before the ends.
    std::sort(edges.begin(), edges.end(),
              [](const Edge& a, const Edge& b) { return a.at != b.at ? a.at < b.at : a.step > b.step; });
    std::size_t depth = 0;
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
        depth = edges[i].step > 0 ? depth + 1 : depth - 1;
        const Int128 low = edges[i].at;
        const Int128 high = edges[i + 1].at;
        if (2 * depth <= members.size() || right(predicted) < low || left(predicted) > high) continue;
        if (edges[i].step < 0 || edges[i + 1].step > 0) continue;  // not a deepest stretch
        std::vector<Contribution> believed;
        mark_outliers(members, low, high, result);
        for (std::size_t k = 0; k < members.size(); ++k) {
            if (!result.outlier[k]) believed.push_back(members[k]);
        }
        result.value = clamped_mean(believed, low, high, 0);
        return true;
    }
    return false;
}

/// Whether some instant lies within `wanted` of the intervals. Such an instant lies within [low, high].
bool shared_by(std::span<const Contribution> members, Int128 low, Int128 high, std::size_t wanted) {
    const auto holding = [&](Int128 at) {
        return static_cast<std::size_t>(
            std::count_if(members.begin(), members.end(),
                          [&](const Contribution& c) { return left(c) <= at && at <= right(c); }));
    };
    // Usually the clocks agree, and then every point of the stretch serves.
    for (const Int128 at : {low, high, (low + high) / 2}) {
        if (holding(at) >= wanted) return true;
    }
    std::vector<Int128> lefts;
    std::vector<Int128> rights;
    for (const Contribution& c : members) {
        lefts.push_back(left(c));
        rights.push_back(right(c));
    }
    std::sort(lefts.begin(), lefts.end());
    std::sort(rights.begin(), rights.end());
    // The depth is largest at a left end: the intervals begun, less the intervals ended before.
    std::size_t ended = 0;
    for (std::size_t begun = 1; begun <= lefts.size(); ++begun) {
        while (rights[ended] < lefts[begun - 1]) ++ended;
        if (begun - ended >= wanted) return true;
    }
    return false;
}

}  // namespace

Average cold_start_average(std::span<const Contribution> members) {
    Average result;
    result.outlier.assign(members.size(), false);
    result.degraded = members.size() < 3;
    if (members.empty()) return result;
    std::vector<Int128> offsets;
    std::vector<Int128> errors;
    for (const Contribution& c : members) {
        offsets.push_back(c.offset.count());
        errors.push_back(c.half_width.count());
    }
    const Int128 center = twice_median(offsets);
    std::vector<Int128> deviations;
    for (const Int128 offset : offsets) {
        const Int128 deviation = 2 * offset - center;
        deviations.push_back(deviation < 0 ? -deviation : deviation);
    }
    // Deviations are doubled like `center`, and twice_median doubles once more.
    const Int128 limit = 3 * std::max(twice_median(deviations) * 14826 / 20000, twice_median(errors));
    std::vector<Int128> kept;
    for (std::size_t i = 0; i < members.size(); ++i) {
        result.outlier[i] = deviations[i] > limit;
        if (!result.outlier[i]) kept.push_back(offsets[i]);
    }
    result.value = mean(kept);
    result.low = to_duration(*std::min_element(kept.begin(), kept.end()));
    result.high = to_duration(*std::max_element(kept.begin(), kept.end()));
    return result;
}

Average fault_tolerant_average(std::span<const Contribution> members,
                               const std::optional<Contribution>& predicted) {
    Average result;
    const std::size_t n = members.size();
    result.outlier.assign(n, false);
    result.degraded = n < 3;
    if (n == 0) return result;
    const std::size_t f = faults_borne(n);
    std::vector<Int128> lefts;
    std::vector<Int128> rights;
    for (const Contribution& c : members) {
        lefts.push_back(left(c));
        rights.push_back(right(c));
    }
    const auto nth = static_cast<std::ptrdiff_t>(f);
    std::nth_element(lefts.begin(), lefts.begin() + nth, lefts.end(), std::greater<>{});
    std::nth_element(rights.begin(), rights.begin() + nth, rights.end());
    const Int128 low = lefts[f];
    const Int128 high = rights[f];
    if (low <= high && (n < 3 || shared_by(members, low, high, n - f))) {
        mark_outliers(members, low, high, result);
        // Two clocks whose intervals meet give their plain mean. With more clocks we trim, then clamp the
        // rest.
        result.value = n < 3 ? clamped_mean(members, std::min(left(members.front()), left(members.back())),
                                            std::max(right(members.front()), right(members.back())), 0)
                             : clamped_mean(members, low, high, f);
        return result;
    }
    if (predicted && n >= 3 && resolve_split(members, *predicted, result)) return result;
    result.split = true;
    return result;
}

double trimmed_mean(std::vector<double> values) {
    if (values.empty()) return 0;
    const std::size_t f = faults_borne(values.size());
    std::sort(values.begin(), values.end());
    double sum = 0;
    for (std::size_t i = f; i < values.size() - f; ++i) sum += values[i];
    return sum / static_cast<double>(values.size() - 2 * f);
}

}  // namespace berkeley
