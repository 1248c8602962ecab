// Prng: a small seeded generator, xoshiro256** seeded through splitmix64 (Blackman and Vigna, "Scrambled
// linear pseudorandom number generators", 2018). We do not use the standard library's, because a seed must
// give the same run on every implementation. Not thread-safe, not for secrets.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace berkeley {

class Prng {
public:
    explicit constexpr Prng(std::uint64_t seed) {
        for (auto& word : state_) {
            seed += 0x9e3779b97f4a7c15U;
            std::uint64_t z = seed;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
            z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
            word = z ^ (z >> 31);
        }
    }

    constexpr std::uint64_t next() {
        const std::uint64_t result = rotl(state_[1] * 5, 7) * 9;
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = rotl(state_[3], 45);
        return result;
    }

    /// Uniform in [0, 1).
    constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    /// Uniform in [low, high).
    constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }

    /// Uniform in [0, bound); the bias is below bound / 2^64. Requires: bound > 0.
    constexpr std::uint64_t below(std::uint64_t bound) { return next() % bound; }

    constexpr bool chance(double probability) { return uniform() < probability; }

    /// Exponential with the given mean.
    double exponential(double mean) { return -mean * std::log(1.0 - uniform()); }

    /// Normal, mean 0 and deviation 1 (Box and Muller; for simplicity we throw one of the pair away).
    double normal() {
        const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
        return radius * std::cos(6.283185307179586 * uniform());
    }

private:
    static constexpr std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

    std::array<std::uint64_t, 4> state_{};
};

}  // namespace berkeley
