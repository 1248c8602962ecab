// Oscillator: what CLOCK_MONOTONIC_RAW counts, by name, so that a rate that was learnt from one is not taken
// for the rate of another: a state directory travels with an image or a volume, and a kernel changes its
// clock source. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace berkeley {

/// No part of its name is longer.
inline constexpr std::size_t kOscillatorWordMax = 64;

struct Oscillator {
    std::string machine;            ///< a hash of /etc/machine-id, which is not to be told to others
    std::string boot;               ///< the kernel calibrates its clock source anew at each boot
    std::string clock_source;       ///< "tsc", "kvm-clock"
    std::int64_t injected_ppb = 0;  ///< --clock-drift makes another oscillator of the same one
    friend bool operator==(const Oscillator&, const Oscillator&) = default;
};

/// How far a rate learnt from one oscillator holds for another.
enum class Kinship : std::uint8_t {
    same,          ///< one boot of one machine
    recalibrated,  ///< the same hardware, after another boot
    strange
};

Kinship kinship(const Oscillator& learnt, const Oscillator& here);

/// This machine's. What cannot be read is empty, and then akin to nothing. `root`: "/", or a test's folder.
Oscillator this_oscillator(const std::string& clock_source, std::int64_t injected_ppb,
                           const std::filesystem::path& root = "/");

}  // namespace berkeley
