#include "os/oscillator.hpp"

#include <fmt/format.h>

#include <fstream>

namespace berkeley {

namespace {

std::string word_in(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string word;
    file >> word;
    return word.substr(0, kOscillatorWordMax);
}

/// FNV-1a, 64 bits: it tells machines apart and does not carry their ids abroad.
std::string hashed(const std::string& text) {
    if (text.empty()) return {};
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return fmt::format("{:016x}", hash);
}

}  // namespace

Kinship kinship(const Oscillator& learnt, const Oscillator& here) {
    const bool alike = learnt.machine == here.machine && learnt.clock_source == here.clock_source &&
                       !here.clock_source.empty() && learnt.injected_ppb == here.injected_ppb;
    if (!alike) return Kinship::strange;
    if (!here.boot.empty() && learnt.boot == here.boot) return Kinship::same;
    // Containers have no machine id as a rule, and are moved.
    return here.machine.empty() ? Kinship::strange : Kinship::recalibrated;
}

Oscillator this_oscillator(const std::string& clock_source, std::int64_t injected_ppb,
                           const std::filesystem::path& root) {
    return {hashed(word_in(root / "etc/machine-id")), word_in(root / "proc/sys/kernel/random/boot_id"),
            clock_source, injected_ppb};
}

}  // namespace berkeley
