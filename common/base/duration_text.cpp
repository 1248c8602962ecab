#include "base/duration_text.hpp"

#include <array>
#include <cstdint>

#include "base/int128.hpp"

namespace berkeley {
namespace {

struct Unit {
    std::string_view literal;
    std::string_view display;
    std::uint64_t ns;
    std::uint64_t display_limit;  ///< in this unit; from here on we print the next larger one
};

constexpr std::array kUnits{
    Unit{"ns", "ns", 1, 1000},
    Unit{"us", "us", 1'000, 1000},
    Unit{"ms", "ms", 1'000'000, 1000},
    Unit{"s", "s", 1'000'000'000, 120},
    Unit{"m", "min", 60'000'000'000, 120},
    Unit{"h", "h", 3'600'000'000'000, 48},
    Unit{"d", "d", 86'400'000'000'000, 1'000'000'000},
};

/// The longest duration in nanoseconds has 19 digits, and 128-bit arithmetic holds them.
constexpr std::size_t kMaxDigits = 19;

const Unit* find_unit(std::string_view name) {
    for (const Unit& unit : kUnits) {
        if (name == unit.literal || name == unit.display) return &unit;
    }
    return nullptr;
}

tl::unexpected<std::string> bad(std::string_view text, std::string_view why) {
    return failure("'" + std::string(text.substr(0, 40)) + "' " + std::string(why) +
                   ": write a number and a unit (ns, us, ms, s, m, h, d), like 250ms, 1s, 2.5s, -10m or 1h");
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::uint64_t magnitude(Duration value) {
    const auto bits = static_cast<std::uint64_t>(value.count());
    return value < Duration{0} ? ~bits + 1 : bits;
}

std::string display(Duration value) {
    const std::uint64_t ns = magnitude(value);
    for (const Unit& unit : kUnits) {
        // We round before we choose the unit: 999.6 us is 1 ms and not 1000 us.
        const std::uint64_t tenths = unit.ns == 1 ? ns * 10 : (ns + unit.ns / 20) / (unit.ns / 10);
        const std::uint64_t whole = ns / unit.ns + (ns % unit.ns >= unit.ns - ns % unit.ns ? 1 : 0);
        const bool with_tenth = unit.ns != 1 && tenths < 100 && tenths % 10 != 0;
        if (whole >= unit.display_limit && unit.literal != "d") continue;
        std::string text = with_tenth ? std::to_string(tenths / 10) + "." + std::to_string(tenths % 10)
                           : tenths < 100 && unit.ns != 1 ? std::to_string(tenths / 10)
                                                          : std::to_string(whole);
        return text + " " + std::string(unit.display);
    }
    return {};  // not reached: the last unit takes every value
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    std::string_view rest = text;
    bool negative = false;
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
        negative = rest.front() == '-';
        rest.remove_prefix(1);
    }
    Int128 digits = 0;
    Int128 fraction_scale = 1;
    std::size_t digit_count = 0;
    bool in_fraction = false;
    std::size_t at = 0;
    for (; at < rest.size(); ++at) {
        const char c = rest[at];
        if (c == '.' && !in_fraction) {
            in_fraction = true;
            continue;
        }
        if (!is_digit(c)) break;
        if (++digit_count > kMaxDigits) return bad(text, "has too many digits");
        digits = digits * 10 + (c - '0');
        if (in_fraction) fraction_scale *= 10;
    }
    if (digit_count == 0 || rest[at - 1] == '.') return bad(text, "is not a duration");
    const std::string_view unit_name = rest.substr(at);
    if (unit_name.empty()) {
        if (digits == 0) return Duration{0};
        return bad(text, "has no unit");
    }
    const Unit* unit = find_unit(unit_name);
    if (unit == nullptr) return bad(text, "has an unknown unit");
    const Int128 scaled = digits * static_cast<Int128>(unit->ns);
    if (scaled % fraction_scale != 0) return bad(text, "is finer than a nanosecond");
    const Int128 ns = scaled / fraction_scale;
    if (ns != Int128{saturate(ns)}) return bad(text, "is too long (292 years at most)");
    return Duration{static_cast<std::int64_t>(negative ? -ns : ns)};
}

Result<Duration> parse_duration(std::string_view text, DurationRange range) {
    const auto value = parse_duration(text);
    if (!value || (*value >= range.least && *value <= range.most)) return value;
    return failure(std::string(text.substr(0, 40)) + " is not allowed: from " + range_text(range));
}

std::string range_text(DurationRange range) {
    return duration_literal(range.least) + " to " + duration_literal(range.most);
}

std::string duration_text(Duration value) { return (value < Duration{0} ? "-" : "") + display(value); }

std::string signed_duration_text(Duration value) {
    return (value > Duration{0} ? "+" : "") + duration_text(value);
}

std::string duration_literal(Duration value) {
    if (value == Duration{0}) return "0s";
    const std::uint64_t ns = magnitude(value);
    const Unit* best = &kUnits.front();
    for (const Unit& unit : kUnits) {
        if (ns % unit.ns == 0) best = &unit;
    }
    return (value < Duration{0} ? "-" : "") + std::to_string(ns / best->ns) + std::string(best->literal);
}

}  // namespace berkeley
