#include "sim/delay_trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace berkeley::sim {

namespace {

constexpr std::string_view kFirstLine = "# berkeley delays 1";
/// A longer delay is not accepted: such a probe was lost.
constexpr std::int64_t kDelayMax = 60'000'000'000;
constexpr std::int64_t kAtMax = std::int64_t{1} << 62;

std::string at_line(std::size_t line, std::string_view what) {
    return "line " + std::to_string(line) + ": " + std::string(what);
}

/// Reads the four numbers of a line. Returns false where it holds anything else.
bool numbers(std::string_view text, std::array<std::int64_t, 4>& values) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (std::int64_t& value : values) {
        while (at != end && (*at == ' ' || *at == '\t')) ++at;
        const auto [next, error] = std::from_chars(at, end, value);
        if (error != std::errc{} || next == at) return false;
        at = next;
    }
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
    return at == end;
}

}  // namespace

Result<DelayTrace> parse_trace(std::string_view text) {
    DelayTrace trace;
    std::size_t line_number = 0;
    std::size_t probes = 0;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        ++line_number;
        if (line_number == 1 && line != kFirstLine) {
            return failure(
                at_line(1, "'" + std::string(kFirstLine) + "' expected: not a recording of delays"));
        }
        if (line.empty() || line.front() == '#') continue;
        std::array<std::int64_t, 4> v{};
        if (!numbers(line, v)) return failure(at_line(line_number, "four integers expected"));
        const auto& [at, probe, forward, backward] = v;
        if (at < 0 || at > kAtMax || forward < 0 || forward > kDelayMax || backward < 0 ||
            backward > kDelayMax) {
            return failure(at_line(line_number, "times must lie between 0 and 60 s"));
        }
        if (++probes > kTraceProbesMax) {
            return failure(at_line(line_number, "more than " + std::to_string(kTraceProbesMax) + " probes"));
        }
        if (probe == 0) {
            trace.push_back({Duration{at}, {}});
        } else if (trace.empty() || static_cast<std::size_t>(probe) != trace.back().probes.size()) {
            return failure(at_line(line_number, "probes of a burst must count up from 0"));
        }
        trace.back().probes.push_back({Duration{forward}, Duration{backward}});
    }
    if (trace.empty()) return failure("no probes");
    return trace;
}

std::string format_trace(const DelayTrace& trace) {
    std::string text{kFirstLine};
    text += "\n# at_ns probe forward_ns backward_ns\n";
    for (const TraceBurst& burst : trace) {
        for (std::size_t i = 0; i < burst.probes.size(); ++i) {
            text += std::to_string(burst.at.count()) + ' ' + std::to_string(i) + ' ' +
                    std::to_string(burst.probes[i].forward.count()) + ' ' +
                    std::to_string(burst.probes[i].backward.count()) + '\n';
        }
    }
    return text;
}

}  // namespace berkeley::sim
