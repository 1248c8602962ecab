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
    return bound > std::chrono::hours{24 * 365} ? std::string{"unknown"} : duration_text(bound);
}

}  // namespace berkeley::ctl
