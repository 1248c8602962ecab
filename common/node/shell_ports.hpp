// ShellPorts: what a node's actions reach in a program: sockets, the clock page, the state on the disk, the
// log.
//
// Nothing here waits but the save of a promise. What cannot be carried out is counted and logged, never
// fatal. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "log/event_log.hpp"
#include "net/transport.hpp"
#include "os/cpu_waker.hpp"
#include "os/os_clock.hpp"
#include "os/witnesses.hpp"
#include "page/clock_page.hpp"
#include "slave/interpreter.hpp"
#include "state/state_file.hpp"
#include "wire/codec.hpp"

namespace berkeley {

/// The parts of a shell that its ports use; the shell owns them and outlives the ports.
struct ShellParts {
    const OsClock& clock;
    EventLog& log;
    Transport& transport;
    const StateFile& state;
    Promises& promises;     ///< as last saved
    ClockPageWriter* page;  ///< null: none wanted
    CpuWaker* waker;        ///< null: CPUs may sleep
    Witnesses& witnesses;
    const Oscillator& oscillator;  ///< as of now
};

class ShellPorts final : public Ports {
public:
    /// Requires: `node` and what `parts` refers to outlive this object.
    ShellPorts(Node& node, const ShellParts& parts) : node_(node), parts_(parts) {}

    RouteSend send(Route route, const Message& message, bool stamped) override;
    void send(Link link, const Message& message) override;
    void publish(Channel channel, const Message& message) override;
    void connect(Link link, const Url& poll) override;
    void subscribe(Link link, const Url& publish, const Url& heartbeat) override;
    void drop(Link link) override { parts_.transport.drop_link(link); }
    void publish_clock() override;
    Saved save() override;
    void save_learned() override { save_soon_ = true; }
    void tell(const Event& event) override { parts_.log.log(event, stamp()); }
    RawTime now() override { return parts_.clock.now(); }
    bool slept() override;

    /// True once after the core changed its clock.
    bool take_clock_published() { return std::exchange(clock_published_, false); }
    /// True once after the core asked for save_learned().
    bool take_save_soon() { return std::exchange(save_soon_, false); }
    /// What became of a save, told to people once where it fails.
    Saved saved(const Result<void>& result);
    /// What the core has learned, as of now.
    Learned learned() const;
    /// Why the machine's time jumped, once, before anything else is done; empty: it did not.
    std::string_view take_disruption();
    EventStamp stamp() const;

private:
    void complain(const Result<void>& result);

    Node& node_;
    ShellParts parts_;
    Encoded encoded_;
    std::uint64_t jumps_published_ = 0;
    bool clock_published_ = false;
    std::string_view disrupted_;  ///< why, where the core does not know; a literal
    bool save_soon_ = false;      ///< what was learned
    bool save_failed_ = false;    ///< it was said so
};

}  // namespace berkeley
