// A saved rate belongs to an oscillator, and an oscillator beyond --max-drift is told.

#include "node/saved_rate.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/temporary_directory.hpp"

namespace berkeley {
namespace {

using std::chrono::seconds;

const Oscillator kHere{"m", "b", "tsc", 0};

Learned learned_from_oscillator(const Oscillator& oscillator) {
    Learned learned;
    learned.freq_ppb = -300'000;
    learned.freq_skew_ppb = 40;
    learned.oscillator = oscillator;
    return learned;
}

SavedRate rate(const Oscillator& learnt, const Oscillator& here = kHere) {
    return usable_rate(learned_from_oscillator(learnt), here, 50'000);
}

TEST(SavedRate, IsCertainOnOneBootOfOneMachineOnly) {
    EXPECT_EQ(rate(kHere).ppb, -300'000);
    EXPECT_EQ(rate(kHere).skew_ppb, 40);
    EXPECT_EQ(rate({"m", "other", "tsc", 0}).ppb, -300'000) << "calibrated anew";
    EXPECT_EQ(rate({"m", "other", "tsc", 0}).skew_ppb, 50'040);
    const Oscillator others[] = {
        {"other", "b", "tsc", 0}, {"m", "b", "hpet", 0}, {"m", "b", "tsc", 300'000}, Oscillator{}};
    for (const Oscillator& other : others) {
        EXPECT_EQ(rate(other).ppb, 0) << other.machine << other.clock_source;
        EXPECT_EQ(rate(other).skew_ppb, 0);
    }
}

TEST(SavedRate, OfAContainerWithoutAMachineIdIsOfThisBootOnly) {
    const Oscillator here{"", "b", "tsc", 0};
    EXPECT_EQ(rate(here, here).ppb, -300'000);
    EXPECT_EQ(rate({"", "other", "tsc", 0}, here).ppb, 0);
}

TEST(SavedRate, OfAnUnknownClockSourceIsOfNobody) {
    const Oscillator here{"m", "b", "", 0};
    EXPECT_EQ(rate(here, here).ppb, 0);
}

TEST(SavedRate, OscillatorIsNamedByTheFilesOfItsMachine) {
    const TemporaryDirectory root;
    std::filesystem::create_directories(root.path() / "etc");
    std::filesystem::create_directories(root.path() / "proc/sys/kernel/random");
    EXPECT_EQ(this_oscillator("tsc", 5, root.path()), (Oscillator{"", "", "tsc", 5}));
    std::ofstream(root.path() / "etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
    std::ofstream(root.path() / "proc/sys/kernel/random/boot_id") << "b1-b2\n";
    const Oscillator found = this_oscillator("tsc", 5, root.path());
    EXPECT_EQ(found.boot, "b1-b2");
    EXPECT_EQ(found.machine.size(), 16U) << "a hash: " << found.machine;
}

TEST(DriftWatch, TellsOfAnOscillatorBeyondMaxDriftOnceAndOfItsReturn) {
    DriftWatch watch(50'000);
    int told = 0;
    std::string text;
    const auto look = [&](std::int64_t ppb, bool trusted, int at) {
        if (const auto note = watch.look(ppb, trusted, TrueTime{seconds{at}})) {
            ++told;
            text = note->text;
        }
    };
    for (int at = 0; at < 10; ++at) look(-300'000, true, at);
    EXPECT_EQ(told, 0) << "not in its first ten seconds";
    for (int at = 10; at < 100; ++at) look(-300'000, true, at);
    EXPECT_EQ(told, 1);
    EXPECT_NE(text.find("300 ppm faster"), std::string::npos) << text;
    EXPECT_NE(text.find("--max-drift (50 ppm)"), std::string::npos) << text;
    for (int at = 100; at < 200; ++at) look(50'000, true, at);
    EXPECT_EQ(told, 2);
    for (int at = 200; at < 300; ++at) look(90'000, false, at);
    EXPECT_EQ(told, 2) << "nobody knows the rate of a clock that is not trusted";
    for (int at = 300; at < 320; ++at) look(at % 8 == 0 ? 0 : 90'000, true, at);
    EXPECT_EQ(told, 2) << "a noisy estimate";
}

}  // namespace
}  // namespace berkeley
