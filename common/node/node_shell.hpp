// NodeShell: a pure core's way into the world: one loop around its sockets, clocks, page, state and log.
//
//   wake --> timers --> [ receive, decode, core, carry out its actions ]* --> once a second: housekeeping
//
// The loop never waits but in its own sleep: whatever may wait for somebody else goes to a worker. One
// thread.
#pragma once

#include <memory>
#include <optional>

#include "cli/options.hpp"
#include "keys/credentials.hpp"
#include "log/event_log.hpp"
#include "net/transport.hpp"
#include "node/clock_feed.hpp"
#include "node/key_watch.hpp"
#include "node/learned_saver.hpp"
#include "node/name_lookup.hpp"
#include "node/saved_rate.hpp"
#include "node/shell_ports.hpp"
#include "node/system_clock_keeper.hpp"
#include "node/worker.hpp"
#include "os/cpu_waker.hpp"
#include "os/os_clock.hpp"
#include "os/service_notify.hpp"
#include "page/clock_page.hpp"
#include "slave/interpreter.hpp"
#include "slave/node.hpp"
#include "state/state_file.hpp"

namespace berkeley {

/// A start that failed, told on stderr and, where events are wanted, as an `exit` event; returns the exit
/// code.
int fail_start(const NodeOptions& options, std::string_view program, const std::string& why);

class NodeShell {
public:
    /// Opens state, sockets' context, page and log. The error is one line. `beside`: another shell of
    /// this process, which takes the signals and shares its context, for inproc endpoints; outlives this.
    [[nodiscard]] static Result<std::unique_ptr<NodeShell>> create(
        const NodeOptions& options, std::optional<Credentials> credentials,
        SuspendDetector suspend = SuspendDetector{}, const NodeShell* beside = nullptr);
    ~NodeShell();

    Transport& transport() { return *transport_; }
    /// What an earlier run learned of this oscillator.
    SavedRate saved_rate() const { return usable_rate(saved_.learned, oscillator_, options_.max_drift_ppb); }
    RawTime now() const { return clock_.now(); }
    /// Where the node's clock starts: the machine's clock, with the injected offset.
    ClusterTime initial_time() const;
    Prng seeded() const;
    /// The core's options as far as they come from the common ones.
    SlaveCoreOptions core_options() const;

    /// Until a signal, and then as long as the node is needed or until a second one; returns the exit code.
    int run(Node& node, const NamedEndpoints& endpoints);

private:
    struct Running;  ///< what exists while a node runs

    NodeShell(const NodeOptions& options, SuspendDetector suspend);
    Result<void> open_state();
    /// Takes what workers have finished.
    void take_finished(Running& running);
    Result<void> begin(Running& running, const NamedEndpoints& endpoints);
    int loop(Running& running);
    void end(Running& running, int signal);
    void receive(Running& running);
    bool trusted(const Inbound& in, const Message& message, Running& running);
    bool placed(Route route, Running& running);
    void notice_disruption(Running& running);
    void watch_oscillator(Running& running, TrueTime now);
    void housekeeping(Running& running, TrueTime now);
    void follow(Running& running);
    void tend_page(Running& running);
    void tell_service(const Running& running);

    NodeOptions options_;
    OsClock clock_;
    Worker output_;  ///< writes what the log says; a thread for each stream
    EventLog log_;
    std::shared_ptr<const StateFile> state_;
    SavedState saved_;
    std::shared_ptr<const Doorbell> doorbell_ = std::make_shared<Doorbell>();
    NameLookup names_{doorbell_};
    /// Two, so that a state directory that hangs keeps no revoked key in force.
    std::optional<Worker> saves_;
    std::optional<Worker> readings_;
    std::optional<KeyWatch> keys_;         ///< nothing: in the clear
    std::optional<LearnedSaver> learned_;  ///< while a node runs
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<ClockPageWriter> page_;
    std::string page_trouble_;  ///< told last
    ServiceNotifier service_;
    LinuxSystemClock machine_clock_;
    std::optional<ClockFeed> feed_;
    std::unique_ptr<SystemClockKeeper> system_clock_;  ///< null: --clock virtual
    Witnesses witnesses_;
    Oscillator oscillator_;
    DriftWatch drift_watch_;
    std::unique_ptr<CpuWaker> waker_;  ///< null: not wanted
    Message inbound_;
    TrueTime housekeeping_at_{};
};

}  // namespace berkeley
