#include "ctl/time_text.hpp"

#include <fmt/format.h>

#include <ctime>

#include "base/duration_text.hpp"

namespace berkeley::ctl {

std::string time_text(ClusterTime t) {
    const std::time_t seconds = to_ns(t) / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return fmt::format("{}.{:06}", text, to_ns(t) % 1'000'000'000 / 1000);
}

std::string bound_text(Duration bound) {
    return known_bound_ns(bound) ? duration_text(bound) : std::string{"unknown"};
}

std::optional<std::int64_t> known_bound_ns(Duration bound) {
    if (bound > std::chrono::hours{24 * 365}) return std::nullopt;
    return bound.count();
}

}  // namespace berkeley::ctl
