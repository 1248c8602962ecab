// Notes: lines for the log about the transport. The same line comes at most once a minute, and each kind of
// peer has a quota.
//
// Members and strangers have quotas of their own: anybody can make up keys without end, and a line about each
// must not keep others from being told. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace berkeley {

class Notes {
public:
    enum class About : std::uint8_t { members, strangers };
    /// Different lines in a minute.
    static constexpr std::array<std::size_t, 2> kQuota{64, 16};

    void add(About about, std::string text, RawTime now) {
        auto& noted = noted_[static_cast<std::size_t>(about)];
        const std::size_t quota = kQuota[static_cast<std::size_t>(about)];
        if (noted.size() > quota) return;
        if (noted.size() == quota && !noted.contains(text)) {
            text = about == About::strangers
                       ? "more strangers were turned away than are named here; the counters have all of them"
                       : "more happens than is told here; the counters have all of it";
        }
        if (noted.emplace(text, now).second) pending_.push_back(std::move(text));
    }

    std::vector<std::string> take() { return std::exchange(pending_, {}); }
    /// Forgets lines that are old enough to be told again. To be called now and then.
    void forget(RawTime now) {
        for (auto& noted : noted_) {
            std::erase_if(noted, [&](const auto& entry) { return now - entry.second > kAgain; });
        }
    }

private:
    static constexpr Duration kAgain = std::chrono::minutes{1};

    std::array<std::unordered_map<std::string, RawTime>, 2> noted_;
    std::vector<std::string> pending_;
};

}  // namespace berkeley
