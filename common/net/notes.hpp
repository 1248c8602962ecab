// Notes: what a human should know of the transport, in sentences; the same not twice a minute, and not too
// many.
//
// Members and strangers have quotas of their own: keys that nobody knows can be made up without end, and a
// note about each must not keep others from being told. Not thread-safe.
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
    /// Different ones in a minute.
    static constexpr std::array<std::size_t, 2> kQuota{64, 16};

    void add(About about, std::string text, RawTime now) {
        auto& noted = noted_[static_cast<std::size_t>(about)];
        const std::size_t quota = kQuota[static_cast<std::size_t>(about)];
        if (noted.size() > quota) return;
        if (noted.size() == quota && !noted.contains(text)) {
            text = about == About::strangers
                       ? "more strangers were turned away than are named here; their number is told"
                       : "there is more to be noted than is told here";
        }
        if (noted.emplace(text, now).second) pending_.push_back(std::move(text));
    }

    std::vector<std::string> take() { return std::exchange(pending_, {}); }
    /// To be called now and then.
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
