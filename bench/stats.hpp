// What every benchmark prints: rows of percentiles, ratios between them, the machine, and a progress bar.
//
// A figure of this machine at this hour says little; a ratio of two rows measured interleaved in one run says
// much. So a report carries both, and later benchmarks fill the same structure. Percentiles are of the
// samples themselves (nearest rank), never interpolated. Not thread-safe.
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berkeley::bench {

struct Row {
    std::string name;
    std::string unit = "us";
    std::uint64_t n = 0;
    double min = 0;
    double p50 = 0;
    double p99 = 0;
    double p99_9 = 0;
    double max = 0;
    std::optional<double> rms{};  ///< root of the mean square, of rows that are errors
};

/// The least sample that at least `fraction` of all do not exceed. Requires: sorted, not empty; 0 < fraction
/// <= 1.
inline double percentile(const std::vector<double>& sorted, double fraction) {
    assert(!sorted.empty() && fraction > 0 && fraction <= 1);
    // Without the allowance 0.99 * 100 is 99.00000000000001 for some fractions and sizes, one rank too high.
    const double rank = std::ceil(fraction * static_cast<double>(sorted.size()) - 1e-9);
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

class Samples {
public:
    void reserve(std::size_t count) { values_.reserve(count); }
    void add(double value) { values_.push_back(value); }
    std::size_t size() const { return values_.size(); }

    /// 0 without samples.
    double rms() const {
        double sum = 0;
        for (const double value : values_) sum += value * value;
        return values_.empty() ? 0 : std::sqrt(sum / static_cast<double>(values_.size()));
    }

    /// Without samples a row of zeros with n = 0.
    Row row(std::string name, std::string unit) const {
        Row row{std::move(name), std::move(unit)};
        row.n = values_.size();
        if (values_.empty()) return row;
        std::vector<double> sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        row.min = sorted.front();
        row.p50 = percentile(sorted, 0.5);
        row.p99 = percentile(sorted, 0.99);
        row.p99_9 = percentile(sorted, 0.999);
        row.max = sorted.back();
        return row;
    }

private:
    std::vector<double> values_;
};

using Facts = std::vector<std::pair<std::string, std::string>>;

struct Report {
    std::string bench;
    Facts machine;
    std::vector<Row> rows;
    std::vector<std::pair<std::string, double>> ratios;
    std::uint64_t violations = 0;  ///< what must not happen and did: lost answers, broken promises
    std::string cause{};           ///< of the first of them, where a benchmark tells it
};

enum class Quantile : std::uint8_t { p50, p99 };

/// Adds the ratio "above/below" (at p99: "above/below_p99"); nothing where a row is missing or is empty.
void add_ratio(Report& report, std::string_view above, std::string_view below,
               Quantile quantile = Quantile::p50);

/// Processor, number of CPUs, kernel, compiler and kind of build, with `more` behind them.
Facts machine_facts(Facts more);

std::string as_table(const Report& report);
std::string as_json(const Report& report);

/// A bar on stderr, only where that is a terminal, and never more than ten times a second.
class Progress {
public:
    Progress(std::string label, std::uint64_t total);
    ~Progress();  ///< wipes the bar away
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void update(std::uint64_t done);

private:
    using Clock = std::chrono::steady_clock;
    std::string label_;
    std::uint64_t total_;
    bool visible_;
    Clock::time_point started_;
    Clock::time_point drawn_{};
};

}  // namespace berkeley::bench
