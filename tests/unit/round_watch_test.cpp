// Which oscillators a master calls too far off.

#include "log/round_watch.hpp"

#include <gtest/gtest.h>

namespace berkeley {
namespace {

/// Oscillators against the master's, in ppm.
std::string told_after(RoundWatch& watch, const std::vector<std::int64_t>& ppm, unsigned rounds) {
    RoundEvent event;
    event.state = RoundState::steady;
    for (std::size_t i = 0; i < ppm.size(); ++i) {
        PeerResult peer;
        peer.id = node_id("s" + std::to_string(i + 1));
        peer.freq_ppb = ppm[i] * 1000;
        event.peers.push_back(peer);
    }
    std::string all;
    for (unsigned i = 0; i < rounds; ++i) {
        for (const NoteEvent& note : watch.look_at(event)) all += note.text + "\n";
    }
    return all;
}

TEST(RoundWatch, NamesAnOscillatorBeyondMaxDriftOnceAfterThirtyRounds) {
    RoundWatch watch(50'000);
    EXPECT_EQ(told_after(watch, {10, 300, -20}, RoundWatch::kDriftRounds - 1), "");
    EXPECT_EQ(told_after(watch, {10, 300, -20}, 100),
              "the oscillator of s2 is 290 ppm faster than the others, beyond --max-drift (50 ppm)\n");
}

TEST(RoundWatch, MeasuresOscillatorsAgainstTheMedianAndNotAgainstTheMaster) {
    RoundWatch watch(50'000);
    EXPECT_EQ(told_after(watch, {-200, -210, -190}, 100), "") << "it is the master's that is off";
    EXPECT_EQ(told_after(watch, {-300}, 100), "") << "of two nobody knows";
}

TEST(RoundWatch, RateThatCrossesTheLimitNowAndThenIsNoise) {
    RoundWatch watch(50'000);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(told_after(watch, {0, 70, 0}, RoundWatch::kDriftRounds - 1), "");
        EXPECT_EQ(told_after(watch, {0, 40, 0}, 1), "");
    }
}

}  // namespace
}  // namespace berkeley
