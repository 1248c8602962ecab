// JoinLimit: a connection may claim a new name once a second. A node has one name as long as it runs; a peer
// that goes through names would cost an entry in the log, and the estimator of a clock, with each message.
//
// Bounded: where more connections claimed a name within a second than there may be members, no other may.
// Pure; not thread-safe.
#pragma once

#include <unordered_map>

#include "protocol/actions.hpp"

namespace berkeley {

class JoinLimit {
public:
    static constexpr Duration kAgain = std::chrono::seconds{1};

    [[nodiscard]] bool admit(Route route, RawTime now) {
        if (joined_at_.size() >= kMaxMembers) {
            std::erase_if(joined_at_, [&](const auto& joined) { return now - joined.second >= kAgain; });
            if (joined_at_.size() >= kMaxMembers) return false;
        }
        const auto [joined, first] = joined_at_.try_emplace(route, now);
        if (!first && now - joined->second < kAgain) return false;
        joined->second = now;
        return true;
    }

private:
    std::unordered_map<Route, RawTime> joined_at_;
};

}  // namespace berkeley
