// CandidateNode: a candidate, the master of the cluster or a standby, as a Node. Not thread-safe.
#pragma once

#include <utility>
#include <vector>

#include "master/candidate_core.hpp"
#include "slave/node.hpp"

namespace berkeley {

class CandidateNode final : public Node {
public:
    CandidateNode(const CandidateOptions& options, Prng prng, RawTime now, ClusterTime initial,
                  SavedRate rate)
        : core_(options, prng, now, initial, rate) {}

    void start(RawTime now, Actions& out) override { core_.start(now, out); }
    void on_link_message(Link link, Via via, const Message& message, RawTime at, Actions& out) override {
        core_.on_link_message(link, via, message, at, out);
    }
    void on_route_message(Route route, const Message& message, RawTime at, Actions& out) override {
        core_.on_route_message(route, message, at, out);
    }
    void on_sent(std::uint64_t token, RawTime t1) override { core_.on_sent(token, t1); }
    void on_unreachable(Route route, Actions& out) override { core_.on_unreachable(route, out); }
    void on_timer(RawTime now, Actions& out) override { core_.on_timer(now, out); }
    RawTime next_deadline() const override { return core_.next_deadline(); }
    void resign(RawTime now, Actions& out) override { core_.resign(now, out); }
    bool needed(RawTime now) const override { return core_.vote_needed(now); }
    void stop(RawTime now, Actions& out) override { core_.stop(now, out); }
    SlaveCore& slave() override { return core_.slave(); }
    const SlaveCore& slave() const override { return core_.slave(); }
    CandidateCore& candidate() { return core_; }
    const CandidateCore& candidate() const { return core_; }

private:
    CandidateCore core_;
};

}  // namespace berkeley
