#include "ctl/time_text.hpp"

#include "base/duration_text.hpp"

namespace berkeley::ctl {

std::string bound_text(Duration bound) {
    return known_bound_ns(bound) ? duration_text(bound) : std::string{"unknown"};
}

std::optional<std::int64_t> known_bound_ns(Duration bound) {
    if (bound > std::chrono::hours{24 * 365}) return std::nullopt;
    return bound.count();
}

}  // namespace berkeley::ctl
