// Network: models the path of a message between two nodes: delay, loss, duplicates and cuts.
//
//   delay = base + exponential jitter (+ spike now and then), or as recorded from a real run
//
// Messages may overtake each other. TCP prevents that within one connection, so the model is harsher than
// reality. Everything random comes from the generator handed in. Not thread-safe.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/prng.hpp"
#include "sim/delay_trace.hpp"

namespace berkeley::sim {

struct NetworkModel {
    Duration base = std::chrono::microseconds{50};         ///< each way
    Duration jitter_mean = std::chrono::microseconds{10};  ///< exponential, each way
    /// Moves jitter from the way back to the way there (master to slave): 0 none, 0.5 all of it.
    double jitter_asymmetry = 0;
    Duration base_asymmetry{0};  ///< added to the way there, taken from the way back
    double loss = 0;
    double duplicates = 0;
    double spikes = 0;                  ///< share of messages...
    Duration spike{0};                  ///< ...that take so much longer
    const DelayTrace* trace = nullptr;  ///< replayed instead of base and jitter; outlives the network
};

class Network {
public:
    using Node = std::uint32_t;

    Network(NetworkModel model, std::uint64_t seed);

    NetworkModel& model() { return model_; }
    void cut(Node from, Node to, bool is_cut);
    void heal() { cuts_.clear(); }
    bool is_cut(Node from, Node to) const { return !cuts_.empty() && cuts_.contains({from, to}); }

    /// Draws how many copies arrive (0, 1 or 2).
    std::size_t copies();
    /// `there` means from a master to a slave. `probe` is the number in the burst, of a POLL or REPLY.
    Duration delay(Node from, Node to, bool there, std::optional<std::uint32_t> probe = std::nullopt);

private:
    Duration replayed(Node from, Node to, bool there, std::optional<std::uint32_t> probe);

    NetworkModel model_;
    Prng prng_;
    std::set<std::pair<Node, Node>> cuts_;
    std::unordered_map<std::uint64_t, std::size_t> replayed_burst_;
};

}  // namespace berkeley::sim
