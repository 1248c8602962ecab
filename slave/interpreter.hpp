// Interpreter: carries out what a core asks for, over ports that the world behind it implements.
//
// The program's shell, the simulator, the benchmarks and the fuzzers implement Ports and nothing more, so the
// rules here are measured, simulated and fuzzed as they run:
//   - a transmit stamp returns to the core, and so does the word that a peer is gone;
//   - a promise (a vote, an acknowledgement) leaves only after it was saved; a save that fails is told to the
//   core;
//   - a correction leaves only while its lease holds and on a machine that has not slept since.
// Actions are carried out in order. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.hpp"
#include "protocol/actions.hpp"
#include "slave/node.hpp"

namespace berkeley {

/// What became of a message over a route.
struct RouteSend {
    enum class Outcome : std::uint8_t { sent, gone, lost };
    Outcome outcome = Outcome::lost;
    RawTime stamp{};  ///< right before it was sent
};

/// Whether a promise is on the disk.
struct Saved {
    enum class Outcome : std::uint8_t { durable, failed, later };
    Outcome outcome = Outcome::durable;
    std::string why;  ///< where it failed
};

class Ports {
public:
    virtual ~Ports() = default;

    virtual RouteSend send(Route route, const Message& message, bool stamped) = 0;
    /// A link that is not connected loses the message; the core's deadlines notice.
    virtual void send(Link link, const Message& message) = 0;
    virtual void publish(Channel channel, const Message& message) = 0;

    virtual void connect(Link link, const Url& poll) = 0;
    /// An empty `heartbeat`: not wanted.
    virtual void subscribe(Link link, const Url& publish, const Url& heartbeat) = 0;
    virtual void drop(Link link) = 0;

    virtual void publish_clock() = 0;
    /// What the core has promised. `later`: the caller of carry_out() goes on when it is saved.
    virtual Saved save() = 0;
    /// What the core has learned, in a while.
    virtual void save_learned() = 0;
    virtual void tell(const Event& event) = 0;

    /// Of the node's own clock, when a lease is looked at.
    virtual RawTime now() = 0;
    /// The machine has slept, and the core does not know yet.
    virtual bool slept() = 0;
};

class Interpreter {
public:
    /// Requires: both outlive the interpreter.
    Interpreter(Node& node, Ports& ports) : node_(node), ports_(ports) {}

    /// From the action number `from` on. Returns the number of the action to go on with where a save takes
    /// until later, and nothing where all is done.
    std::optional<std::size_t> carry_out(const Actions& actions, std::size_t from = 0);

    /// A save that ended later than it was asked for, or that the shell made by itself.
    void on_saved(const Saved& saved);

private:
    void carry_out(const SendToRoute& action);
    void carry_out(const SendToLink& action);
    void carry_out(const Publish& action);

    Node& node_;
    Ports& ports_;
    bool promises_lost_ = false;  ///< the last save failed
};

}  // namespace berkeley
