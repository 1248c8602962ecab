// Node: the interface of a core for its hosts: a program's shell, the simulator, a benchmark, a fuzzer.
//
// Every call takes an event and `now` and appends actions to `out`. A plain slave has no routes, and no
// other node needs its vote, so those calls have defaults. Not thread-safe.
#pragma once

#include <cstdint>

#include "protocol/actions.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {

class Node {
public:
    virtual ~Node() = default;
    virtual void start(RawTime now, Actions& out) = 0;
    virtual void on_link_message(Link link, Via via, const Message& message, RawTime at, Actions& out) = 0;
    virtual void on_route_message(Route, const Message&, RawTime, Actions&) {}
    /// The message that carried this token left at `t1`.
    virtual void on_sent(std::uint64_t /*token*/, RawTime /*t1*/) {}
    virtual void on_unreachable(Route, Actions&) {}
    virtual void on_timer(RawTime now, Actions& out) = 0;
    virtual RawTime next_deadline() const = 0;
    /// A signal asks the node to end. It ends as soon as it is not needed.
    virtual void resign(RawTime, Actions&) {}
    virtual bool needed(RawTime) const { return false; }
    virtual void stop(RawTime now, Actions& out) = 0;
    virtual SlaveCore& slave() = 0;
    virtual const SlaveCore& slave() const = 0;
};

/// A plain slave.
class SlaveNode final : public Node {
public:
    SlaveNode(const SlaveCoreOptions& options, Prng prng, RawTime now, ClusterTime initial, SavedRate rate)
        : core_(options, prng, now, initial, rate) {}

    void start(RawTime now, Actions& out) override { core_.start(now, out); }
    void on_link_message(Link link, Via via, const Message& message, RawTime at, Actions& out) override {
        core_.on_message(link, via, message, at, out);
    }
    void on_timer(RawTime now, Actions& out) override { core_.on_timer(now, out); }
    RawTime next_deadline() const override { return core_.next_deadline(); }
    void stop(RawTime, Actions& out) override { core_.stop(out); }
    SlaveCore& slave() override { return core_; }
    const SlaveCore& slave() const override { return core_; }

private:
    SlaveCore core_;
};

}  // namespace berkeley
