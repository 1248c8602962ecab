#include "sim/network.hpp"

#include <algorithm>

namespace berkeley::sim {

Network::Network(NetworkModel model, std::uint64_t seed) : model_(model), prng_(seed) {}

void Network::cut(Node from, Node to, bool is_cut) {
    if (is_cut) {
        cuts_.insert({from, to});
    } else {
        cuts_.erase({from, to});
    }
}

std::size_t Network::copies() {
    if (model_.loss > 0 && prng_.chance(model_.loss)) return 0;
    return model_.duplicates > 0 && prng_.chance(model_.duplicates) ? 2 : 1;
}

Duration Network::delay(Node from, Node to, bool there, std::optional<std::uint32_t> probe) {
    Duration delay{0};
    if (model_.trace != nullptr) {
        delay = replayed(from, to, there, probe);
    } else {
        const double share = 1.0 + (there ? 2.0 : -2.0) * model_.jitter_asymmetry;
        const double jitter = prng_.exponential(static_cast<double>(model_.jitter_mean.count()) * share);
        delay = model_.base + Duration{static_cast<std::int64_t>(jitter)};
    }
    delay += there ? model_.base_asymmetry : -model_.base_asymmetry;
    if (model_.spikes > 0 && prng_.chance(model_.spikes)) delay += model_.spike;
    return std::max(delay, Duration{1});
}

/// Replays the recording: each pair of nodes starts at a place of its own and reads one burst after the
/// other.
Duration Network::replayed(Node from, Node to, bool there, std::optional<std::uint32_t> probe) {
    const std::uint64_t pair = std::uint64_t{std::min(from, to)} << 32 | std::max(from, to);
    const auto [found, fresh] = replayed_burst_.try_emplace(pair);
    std::size_t& at = found->second;
    if (fresh) at = prng_.below(model_.trace->size());
    if (there && probe == 0U) at = (at + 1) % model_.trace->size();
    const TraceBurst& burst = (*model_.trace)[at];
    const PathDelay& delay = burst.probes[std::min<std::size_t>(probe.value_or(0), burst.probes.size() - 1)];
    return there ? delay.forward : delay.backward;
}

}  // namespace berkeley::sim
