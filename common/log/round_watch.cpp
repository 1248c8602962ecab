#include "log/round_watch.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "log/human_text.hpp"

namespace berkeley {
namespace {

int trouble_of(RoundState state) {
    return state == RoundState::split ? 2 : state == RoundState::degraded ? 1 : 0;
}

}  // namespace

std::vector<NoteEvent> RoundWatch::look_at(const RoundEvent& event) {
    std::vector<NoteEvent> out;
    look_at_state(event, out);
    // In a split nobody knows who is wrong.
    if (event.state != RoundState::split) look_at_outliers(event, out);
    if (max_drift_ppb_ > 0) look_at_drift(event, out);
    return out;
}

void RoundWatch::look_at_state(const RoundEvent& event, std::vector<NoteEvent>& out) {
    const int now = trouble_of(event.state);
    const int before = trouble_of(told_);
    calm_rounds_ = now < before ? calm_rounds_ + 1 : 0;
    if (now == before || (now < before && calm_rounds_ < kCalmRounds)) return;
    const Severity severity = now > before ? Severity::warning : Severity::info;
    std::string text = now > 0                      ? round_text(event)
                       : told_ == RoundState::split ? "the clocks agree again"
                                                    : "there are enough clocks again to vote";
    out.push_back({severity, std::move(text)});
    told_ = event.state;
    calm_rounds_ = 0;
}

/// Against the median of all oscillators, the master's own (0) among them. Of two nobody knows which it is.
void RoundWatch::look_at_drift(const RoundEvent& event, std::vector<NoteEvent>& out) {
    if (event.peers.size() < 2) return;
    std::vector<std::int64_t> rates{0};
    for (const PeerResult& peer : event.peers) rates.push_back(peer.freq_ppb);
    const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
    std::nth_element(rates.begin(), middle, rates.end());
    for (const PeerResult& peer : event.peers) {
        const std::int64_t off = peer.freq_ppb - *middle;
        if (std::abs(off) <= max_drift_ppb_) {
            drifting_.erase(peer.id);
        } else if (unsigned& rounds = drifting_[peer.id];
                   rounds <= kDriftRounds && ++rounds == kDriftRounds) {
            out.push_back(
                {Severity::warning,
                 fmt::format("the oscillator of {} is {:.3g} ppm {} than the others, beyond "
                             "--max-drift ({:.3g} ppm)",
                             peer.id.view(), static_cast<double>(std::abs(off)) * 1e-3,
                             off > 0 ? "faster" : "slower", static_cast<double>(max_drift_ppb_) * 1e-3)});
        }
    }
}

void RoundWatch::look_at_outliers(const RoundEvent& event, std::vector<NoteEvent>& out) {
    for (auto& [id, rounds] : outliers_) ++rounds;
    std::vector<PeerResult> fresh;
    for (const PeerResult& peer : event.peers) {
        if (peer.outlier && outliers_.insert_or_assign(peer.id, 0).second) fresh.push_back(peer);
    }
    if (!fresh.empty())
        out.push_back({Severity::warning, outliers_text(fresh) + ": left out of the average"});
    std::vector<std::string> calm;
    for (const auto& [id, rounds] : outliers_) {
        if (rounds >= kCalmRounds) calm.push_back(id.str());
    }
    if (calm.empty()) return;
    out.push_back({Severity::info, "no outlier any more: " + names_text(calm)});
    std::erase_if(outliers_, [](const auto& outlier) { return outlier.second >= kCalmRounds; });
}

}  // namespace berkeley
