#include "node/saved_rate.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace berkeley {
namespace {

std::string ppm_text(std::int64_t ppb) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3g ppm", static_cast<double>(ppb) * 1e-3);
    return text.data();
}

}  // namespace

SavedRate usable_rate(const Learned& learned, const Oscillator& here, std::int64_t max_drift_ppb) {
    switch (kinship(learned.oscillator, here)) {
        case Kinship::same:
            return {learned.freq_ppb, learned.freq_skew_ppb};
        case Kinship::recalibrated:
            return {learned.freq_ppb, learned.freq_skew_ppb + max_drift_ppb};
        case Kinship::strange:
            break;
    }
    return {};
}

std::optional<NoteEvent> DriftWatch::look(std::int64_t rate_ppb, bool trusted, TrueTime now) {
    const bool beyond = std::abs(rate_ppb) > max_drift_ppb_;
    if (!trusted || beyond == told_) {
        changed_at_.reset();
        return std::nullopt;
    }
    if (!changed_at_) changed_at_ = now;
    if (now - *changed_at_ < kPatience) return std::nullopt;
    changed_at_.reset();
    told_ = beyond;
    if (!beyond) return NoteEvent{Severity::info, "this machine's oscillator is within --max-drift again"};
    return NoteEvent{Severity::warning, "this machine's oscillator is " + ppm_text(std::abs(rate_ppb)) +
                                            (rate_ppb < 0 ? " faster" : " slower") +
                                            " than the cluster's time, beyond --max-drift (" +
                                            ppm_text(max_drift_ppb_) +
                                            "): mend the machine, or raise --max-drift on all nodes"};
}

}  // namespace berkeley
