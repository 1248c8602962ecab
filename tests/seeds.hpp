// How much a test of chance tries. BERKELEY_SEEDS scales all of them: 100 is thorough, 10 the default.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace berkeley::test {

/// Seeds to run where a thorough run has `thorough` of them; at least one.
inline std::uint64_t seeds(std::uint64_t thorough = 100) {
    const char* text = std::getenv("BERKELEY_SEEDS");
    const std::uint64_t percent = text != nullptr ? std::strtoull(text, nullptr, 10) : 10;
    return std::max<std::uint64_t>(1, thorough * percent / 100);
}

}  // namespace berkeley::test
