// NodeShell: what surrounds a pure core in a program: sockets, clocks, the clock page, state, signals, log.
//
//   wake --> timers --> [ receive, decode, core, carry out its actions ]* --> once a second: housekeeping
//
// One thread. Everything the core asks for is carried out in order; what cannot be carried out is counted and
// logged, never fatal, except at the start: then the program ends with code 1 and one line.
#pragma once

#include <memory>
#include <optional>

#include "cli/options.hpp"
#include "keys/credentials.hpp"
#include "log/event_log.hpp"
#include "net/transport.hpp"
#include "os/cpu_waker.hpp"
#include "os/os_clock.hpp"
#include "os/system_clock.hpp"
#include "page/clock_page.hpp"
#include "protocol/actions.hpp"
#include "slave/slave_core.hpp"
#include "state/state_file.hpp"

namespace berkeley {

/// A core as the shell sees it; a slave ignores what concerns routes.
class Node {
public:
    virtual ~Node() = default;
    virtual void start(RawTime now, Actions& out) = 0;
    virtual void on_link_message(Link link, Via via, const Message& message, RawTime at, Actions& out) = 0;
    virtual void on_route_message(Route, const Message&, RawTime, Actions&) {}
    virtual void on_sent(std::uint64_t, RawTime) {}
    virtual void on_unreachable(Route, Actions&) {}
    virtual void on_timer(RawTime now, Actions& out) = 0;
    virtual RawTime next_deadline() const = 0;
    /// A signal asks the node to end; it does so as soon as it is not needed.
    virtual void resign(RawTime, Actions&) {}
    virtual bool needed(RawTime) const { return false; }
    virtual void stop(RawTime now, Actions& out) = 0;
    virtual SlaveCore& slave() = 0;
    virtual const SlaveCore& slave() const = 0;
};

/// A start that failed, told on stderr and, where events are wanted, as an `exit` event; returns the exit
/// code.
int fail_start(const NodeOptions& options, std::string_view program, const std::string& why);

class NodeShell {
public:
    /// Opens state, sockets' context, page and log. The error is one line.
    [[nodiscard]] static Result<std::unique_ptr<NodeShell>> create(
        const NodeOptions& options, std::optional<Credentials> credentials,
        SuspendDetector suspend = SuspendDetector{});
    ~NodeShell();

    Transport& transport() { return *transport_; }
    const SavedState& saved() const { return saved_; }
    SavedRate saved_rate() const { return {saved_.freq_ppb, saved_.freq_skew_ppb}; }
    RawTime now() const { return clock_.now(); }
    /// Where the node's clock starts: the machine's clock, with the injected offset.
    ClusterTime initial_time() const;
    Prng seeded() const;
    /// The core's options as far as they come from the common ones.
    SlaveCoreOptions core_options() const;

    /// Until a signal, and then as long as the node is needed or until a second one; returns the exit code.
    int run(Node& node, const NamedEndpoints& endpoints);

private:
    NodeShell(const NodeOptions& options, SuspendDetector suspend);
    void carry_out(Node& node, const Actions& actions);
    void receive(Node& node);
    bool trusted(const Inbound& in, const Message& message, const Node& node);
    void publish_clock(const Node& node);
    [[nodiscard]] Result<void> follow(const Node& node);
    Result<void> save(const Node& node);
    void promise_lost(Node& node, const std::string& why);
    bool slept();
    void notice_suspend(Node& node);
    std::string_view stale(const Publish& action);
    void housekeeping(Node& node, TrueTime now);
    EventStamp stamp(const Node& node) const;

    NodeOptions options_;
    OsClock clock_;
    EventLog log_;
    std::optional<StateFile> state_;
    SavedState saved_;
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<ClockPageWriter> page_;
    std::unique_ptr<SystemClockCalls> system_calls_;
    std::unique_ptr<SystemClockFollower> follower_;
    SuspendDetector suspend_;
    bool slept_ = false;               ///< the machine did, and the core does not know
    std::unique_ptr<CpuWaker> waker_;  ///< null: not wanted
    Encoded encoded_;
    Message inbound_;
    std::uint64_t jumps_published_ = 0;
    bool followed_synchronized_ = false;
    TrueTime housekeeping_at_{};
    TrueTime save_at_{};
    Duration save_again_{};
    bool save_failed_ = false;
};

}  // namespace berkeley
