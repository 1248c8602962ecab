// Interpreter: carries out the actions of a core over ports, which the world behind it implements.
//
// The program's shell, the simulator, the benchmarks and the fuzzers implement only Ports. So we measure,
// simulate and fuzz the very rules that run:
//   - a transmit stamp returns to the core, and so does the word that a peer is gone;
//   - a promise (a vote, an acknowledgement) leaves only after it was saved; a save that fails is told to the
//   core;
//   - a correction leaves only while its lease holds and on a machine that has not slept since.
// It carries actions out in order. Not thread-safe.
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

/// The fate of a message sent over a route.
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
    /// Sends over a link. A link that is not connected loses the message; the core's deadlines notice.
    virtual void send(Link link, const Message& message) = 0;
    virtual void publish(Channel channel, const Message& message) = 0;

    virtual void connect(Link link, const Url& poll) = 0;
    /// Subscribes a link. An empty `heartbeat` means that heartbeats are not wanted; an empty `publish`, that
    /// this subscription stays as it is.
    virtual void subscribe(Link link, const Url& publish, const Url& heartbeat) = 0;
    virtual void drop(Link link) = 0;

    virtual void publish_clock() = 0;
    /// Saves the core's promises. On `later` the caller of carry_out() goes on when they are saved.
    virtual Saved save() = 0;
    /// Saves what the core has learned, some time later.
    virtual void save_learned() = 0;
    virtual void tell(const Event& event) = 0;

    /// The node's raw time, to compare a lease with.
    virtual RawTime now() = 0;
    /// Whether the machine has slept and the core does not know it yet.
    virtual bool slept() = 0;
};

class Interpreter {
public:
    /// Requires: both outlive the interpreter.
    Interpreter(Node& node, Ports& ports) : node_(node), ports_(ports) {}

    /// Carries out the actions from number `from` on. Where a save ends later, returns the number of the
    /// action to go on with; else nothing.
    std::optional<std::size_t> carry_out(const Actions& actions, std::size_t from = 0);

    /// Reports a save that ended later, or that the shell made by itself.
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
