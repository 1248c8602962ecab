#include "bench/stats.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "base/json_writer.hpp"

namespace berkeley::bench {

namespace {

constexpr int kBarWidth = 30;

std::string processor() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown";
}

std::string kernel() {
    utsname names{};
    if (::uname(&names) != 0) return "unknown";
    return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

const Row* find(const Report& report, std::string_view name) {
    for (const Row& row : report.rows) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

/// A percentile that is no other sample than the maximum would only seem to say something.
std::string tail(double value, std::uint64_t n, std::uint64_t needed) {
    return n < needed ? "-" : fmt::format("{:.2f}", value);
}

/// JSON for scripts: a thousandth of the unit is finer than any of our clocks.
double rounded(double value) { return std::round(value * 1000) / 1000; }

}  // namespace

void add_ratio(Report& report, std::string_view above, std::string_view below, Quantile quantile) {
    const Row* upper = find(report, above);
    const Row* lower = find(report, below);
    if (upper == nullptr || lower == nullptr || upper->n == 0 || lower->n == 0) return;
    const bool tail = quantile == Quantile::p99;
    const double divisor = tail ? lower->p99 : lower->p50;
    if (divisor <= 0) return;
    report.ratios.emplace_back(fmt::format("{}/{}{}", above, below, tail ? "_p99" : ""),
                               (tail ? upper->p99 : upper->p50) / divisor);
}

Facts machine_facts(Facts more) {
    Facts facts {
        {"processor", processor()}, {"cpus", std::to_string(std::thread::hardware_concurrency())},
            {"kernel", kernel()},
#ifdef __clang__
            {"compiler", "clang " __clang_version__},
#else
            {"compiler", "gcc " __VERSION__},
#endif
#if !defined(__OPTIMIZE__)
            {"build", "not optimised"},
#elif defined(NDEBUG)
            {"build", "optimised"},
#else
            {"build", "optimised, with assertions"},
#endif
            {"version", BERKELEY_VERSION},
    };
    for (auto& fact : more) facts.push_back(std::move(fact));
    return facts;
}

std::string as_table(const Report& report) {
    std::string text;
    for (const auto& [name, value] : report.machine) text += fmt::format("{:<10} {}\n", name, value);
    std::size_t width = 4;
    for (const Row& row : report.rows) width = std::max(width, row.name.size());
    const bool has_rms = std::any_of(report.rows.begin(), report.rows.end(),
                                     [](const Row& row) { return row.rms.has_value(); });
    text += fmt::format("\n{:<{}} {:>5} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}{}\n", report.bench, width,
                        "unit", "n", "min", "p50", "p99", "p99.9", "max", has_rms ? "        rms" : "");
    for (const Row& row : report.rows) {
        text += fmt::format("{:<{}} {:>5} {:>8} {:>10.2f} {:>10.2f} {:>10} {:>10} {:>10.2f}{}\n", row.name,
                            width, row.unit, row.n, row.min, row.p50, tail(row.p99, row.n, 100),
                            tail(row.p99_9, row.n, 1000), row.max,
                            row.rms ? fmt::format(" {:>10.2f}", *row.rms) : std::string{});
    }
    if (!report.ratios.empty()) text += '\n';
    for (const auto& [name, value] : report.ratios) text += fmt::format("{:<36} {:.3f}\n", name, value);
    if (report.violations != 0) text += fmt::format("\nviolations: {}\n", report.violations);
    return text;
}

std::string as_json(const Report& report) {
    JsonWriter json;
    json.begin_object().field("bench", report.bench).key("machine").begin_object();
    for (const auto& [name, value] : report.machine) json.field(name, value);
    json.end_object().key("rows").begin_array();
    for (const Row& row : report.rows) {
        json.begin_object()
            .field("name", row.name)
            .field("unit", row.unit)
            .field("n", row.n)
            .field("min", rounded(row.min))
            .field("p50", rounded(row.p50))
            .field("p99", rounded(row.p99))
            .field("p99_9", rounded(row.p99_9))
            .field("max", rounded(row.max));
        if (row.rms) json.field("rms", rounded(*row.rms));
        json.end_object();
    }
    json.end_array().key("ratios").begin_object();
    for (const auto& [name, value] : report.ratios) json.field(name, rounded(value));
    return json.end_object().field("violations", report.violations).end_object().take();
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)),
      total_(std::max<std::uint64_t>(total, 1)),
      visible_(::isatty(STDERR_FILENO) == 1),
      started_(Clock::now()) {}

Progress::~Progress() {
    if (visible_) std::fputs("\r\x1b[K", stderr);
}

void Progress::update(std::uint64_t done) {
    if (!visible_) return;
    const auto now = Clock::now();
    if (now - drawn_ < std::chrono::milliseconds{100}) return;
    drawn_ = now;
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
    const int filled = static_cast<int>(share * kBarWidth);
    const double elapsed = std::chrono::duration<double>(now - started_).count();
    // An estimate from less than a hundredth of the work would only jump about.
    const std::string left =
        share > 0.01 ? fmt::format(", {:.0f} s left", std::ceil(elapsed / share - elapsed)) : std::string{};
    fmt::print(stderr, "\r{} [{:#<{}}{:.<{}}] {:3.0f} %{}\x1b[K", label_, "", filled, "", kBarWidth - filled,
               share * 100, left);
    std::fflush(stderr);
}

}  // namespace berkeley::bench
