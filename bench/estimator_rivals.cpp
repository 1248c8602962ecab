// The envelope, of one direction (forward; backward is its mirror image):
//
//   t2 - t1  |   x        x             The points are offset + delay, so the true line runs below all of
//   them.
//            |        x      x    x     Of the lines that do, the one with the least sum of distances touches
//            the |  x   ___o----x           lower convex hull along the edge above the points' mean time: a
//            linear
//            |___o--      ^             programme whose solution is read off the hull.
//                      mean time
//
// Failure mode of all that fit a line: an oscillator that does not run straight for the length of the window.

#include "bench/estimator_rivals.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "estimate/burst.hpp"
#include "estimate/estimator.hpp"

namespace berkeley::bench {

namespace {

constexpr std::size_t kRegressionRounds = 16;
constexpr std::size_t kEnvelopeRounds = 32;
/// What the product leaves out as well.
constexpr std::size_t kWarmup = 2;
/// Deviation of a probe that met no queue; the product's own assumption.
constexpr double kUnqueuedNs = 2'000;

double ns(Duration d) { return static_cast<double>(d.count()); }
double seconds(Duration d) { return ns(d) * 1e-9; }

std::span<const Sample> without_warmup(std::span<const Sample> burst) {
    return burst.size() > kWarmup ? burst.subspan(kWarmup)
                                  : burst.last(std::min<std::size_t>(1, burst.size()));
}

const Sample& least_delay(std::span<const Sample> samples) {
    return *std::min_element(samples.begin(), samples.end(),
                             [](const Sample& a, const Sample& b) { return a.delay < b.delay; });
}

/// Those that keep one offset and know of no frequency.
template <std::optional<Duration> (*choose)(std::span<const Sample>)>
class Memoryless final : public Rival {
public:
    void round(std::span<const Sample> burst) override {
        if (const auto offset = choose(burst)) offset_ = ns(*offset);
    }
    std::optional<double> predict(RawTime) const override { return offset_; }

private:
    std::optional<double> offset_;
};

std::optional<Duration> last_probe(std::span<const Sample> burst) {
    if (burst.empty()) return std::nullopt;
    return burst.back().offset;
}

std::optional<Duration> fastest_probe(std::span<const Sample> burst) {
    if (burst.empty()) return std::nullopt;
    return least_delay(without_warmup(burst)).offset;
}

std::optional<Duration> burst_median(std::span<const Sample> burst) {
    const auto measurement = combine_burst(burst, {.warmup = kWarmup});
    if (!measurement) return std::nullopt;
    return measurement->offset;
}

struct Line {
    RawTime origin{};
    double offset = 0;  ///< at the origin
    double slope = 0;   ///< ns per second
    double at(RawTime t) const { return offset + slope * seconds(t - origin); }
};

struct Point {
    double x = 0;  ///< seconds
    double y = 0;  ///< ns
    double weight = 1;
};

/// Requires: not empty. Points of one instant give a level line.
Line least_squares(std::span<const Point> points, RawTime origin) {
    double sum = 0;
    double x_mean = 0;
    double y_mean = 0;
    for (const Point& p : points) {
        sum += p.weight;
        x_mean += p.weight * p.x;
        y_mean += p.weight * p.y;
    }
    x_mean /= sum;
    y_mean /= sum;
    double covariance = 0;
    double variance = 0;
    for (const Point& p : points) {
        covariance += p.weight * (p.x - x_mean) * (p.y - y_mean);
        variance += p.weight * (p.x - x_mean) * (p.x - x_mean);
    }
    const double slope = variance > 0 ? covariance / variance : 0;
    return {origin, y_mean - slope * x_mean, slope};
}

template <bool weighted>
class Regression final : public Rival {
public:
    void round(std::span<const Sample> burst) override {
        if (burst.empty()) return;
        minima_.push_back(least_delay(without_warmup(burst)));
        if (minima_.size() > kRegressionRounds) minima_.pop_front();
        const double floor =
            ns(std::min_element(minima_.begin(), minima_.end(), [](const Sample& a, const Sample& b) {
                   return a.delay < b.delay;
               })->delay);
        std::vector<Point> points;
        for (const Sample& s : minima_) {
            const double deviation = kUnqueuedNs + (ns(s.delay) - floor) / 2;
            points.push_back({seconds(s.at - minima_.back().at), ns(s.offset),
                              weighted ? 1 / (deviation * deviation) : 1});
        }
        line_ = least_squares(points, minima_.back().at);
    }

    std::optional<double> predict(RawTime at) const override {
        if (minima_.empty()) return std::nullopt;
        return line_.at(at);
    }

private:
    std::deque<Sample> minima_;
    Line line_;
};

/// The lower hull's edge below the mean x, carried through x = 0. Requires: x ascending, not empty.
Line line_below(std::span<const Point> points, RawTime origin) {
    std::vector<Point> hull;
    double x_mean = 0;
    for (const Point& p : points) {
        x_mean += p.x / static_cast<double>(points.size());
        while (hull.size() >= 2) {
            const Point& a = hull[hull.size() - 2];
            const Point& b = hull.back();
            if ((b.x - a.x) * (p.y - a.y) > (b.y - a.y) * (p.x - a.x)) break;
            hull.pop_back();
        }
        hull.push_back(p);
    }
    if (hull.size() == 1) return {origin, hull.front().y, 0};
    std::size_t right = 1;
    while (right + 1 < hull.size() && hull[right].x < x_mean) ++right;
    const Point& a = hull[right - 1];
    const Point& b = hull[right];
    const double slope = b.x > a.x ? (b.y - a.y) / (b.x - a.x) : 0;
    return {origin, a.y - slope * a.x, slope};
}

class Envelope final : public Rival {
public:
    void round(std::span<const Sample> burst) override {
        if (burst.empty()) return;
        const auto kept = without_warmup(burst);
        rounds_.emplace_back(kept.begin(), kept.end());
        if (rounds_.size() > kEnvelopeRounds) rounds_.pop_front();
        const RawTime origin = kept.back().at;
        std::vector<Point> forward;
        std::vector<Point> backward;
        for (const auto& round : rounds_) {
            for (const Sample& s : round) {
                const double x = seconds(s.at - origin);
                forward.push_back({x, ns(s.offset) + ns(s.delay) / 2});
                backward.push_back({x, -(ns(s.offset) - ns(s.delay) / 2)});
            }
        }
        const Line above = line_below(forward, origin);
        const Line below = line_below(backward, origin);
        line_ = {origin, (above.offset - below.offset) / 2, (above.slope - below.slope) / 2};
    }

    std::optional<double> predict(RawTime at) const override {
        if (rounds_.empty()) return std::nullopt;
        return line_.at(at);
    }

private:
    std::deque<std::vector<Sample>> rounds_;
    Line line_;
};

class Product final : public Rival {
public:
    void round(std::span<const Sample> burst) override {
        BurstOptions options{.warmup = kWarmup};
        if (!burst.empty()) {
            if (const auto known = estimator_.predict(burst.back().at)) options.freq_ppb = known->freq_ppb;
        }
        if (const auto measurement = combine_burst(burst, options)) estimator_.update(*measurement);
    }
    std::optional<double> predict(RawTime at) const override {
        const auto estimate = estimator_.predict(at);
        if (!estimate) return std::nullopt;
        return ns(estimate->offset);
    }

private:
    OffsetEstimator estimator_;
};

template <class Kind>
std::unique_ptr<Rival> make() {
    return std::make_unique<Kind>();
}

}  // namespace

const std::vector<RivalKind>& rival_kinds() {
    static const std::vector<RivalKind> kinds{
        {"plain", make<Memoryless<last_probe>>},          {"minimum", make<Memoryless<fastest_probe>>},
        {"burst_median", make<Memoryless<burst_median>>}, {"regression", make<Regression<false>>},
        {"weighted_regression", make<Regression<true>>},  {"envelope", make<Envelope>},
        {std::string(kProduct), make<Product>},
    };
    return kinds;
}

}  // namespace berkeley::bench
