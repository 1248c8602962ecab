// SimCluster: many nodes of the same cores as the programs, in virtual time, from one seed.
//
// The simulator implements the ports of the one interpreter (slave/interpreter.hpp) over a modelled network
// (network.hpp) and modelled oscillators (oscillator.hpp). True time starts at 0. It knows the true state of
// everything, so that tests can assert it (invariants.hpp). Same seed, same run, everywhere. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/prng.hpp"
#include "master/candidate_node.hpp"
#include "sim/network.hpp"
#include "sim/oscillator.hpp"
#include "slave/interpreter.hpp"

namespace berkeley::sim {

/// The name of every simulated cluster.
const ClusterName& cluster_name();

struct NodeSpec {
    std::string id;
    Duration offset{0};  ///< of its clock at true time 0
    double drift_ppm = 0;
    bool candidate = false;
    bool standby = false;
    std::int32_t priority = 100;
    std::vector<std::string> masters;  ///< ids to connect to (--master, --peer)
    OscillatorModel oscillator;        ///< drift_ppm comes on top
    bool faulty = false;               ///< breaks promises on purpose: no invariant speaks of it
};

enum class LieKind : std::uint8_t { none, constant, ramp, two_faced, huge_bound };

/// A false claim that a node makes to the master about its clock.
struct Lie {
    LieKind kind = LieKind::none;
    Duration size{0};  ///< ramp: per second; two_faced: ahead in one round, behind in the next
};

struct Recorded {
    TrueTime at;
    std::string node;
    Event event;
};

struct SimOptions {
    NetworkModel network;
    Duration interval = std::chrono::milliseconds{250};
    std::uint32_t burst = 8;
    std::uint32_t window = 32;
    DisciplineOptions discipline;
    Duration heartbeat_interval = std::chrono::milliseconds{100};
    Duration heartbeat_timeout = std::chrono::milliseconds{500};
    /// The duration of a save. The node stands still meanwhile, and the save is lost where the node is
    /// killed before the end.
    Duration save_takes{0};
    bool keep_events = true;
    /// One message in so many goes through the real codec and must come out unchanged. 0: none.
    std::uint64_t codec_every = 16;
};

class SimCluster {
public:
    using NodeIndex = Network::Node;

    SimCluster(std::uint64_t seed, const SimOptions& options);
    explicit SimCluster(std::uint64_t seed, NetworkModel network = {},
                        Duration interval = std::chrono::milliseconds{250});
    ~SimCluster();

    void add(const NodeSpec& spec);
    void kill(const std::string& id);
    /// Stops a node as SIGTERM does: it hands over if it leads, and says goodbye once its vote is not
    /// needed.
    void stop(const std::string& id);
    /// Asks a node to step down, as `berkeleyctl stepdown` does.
    void step_down(const std::string& id);
    /// Starts a new process under the old name, with the state that the old one saved or without it.
    void restart(const std::string& id, bool with_state, std::optional<Duration> offset = std::nullopt);
    void pause(const std::string& id);
    void resume(const std::string& id);
    /// Suspends the whole machine: its raw clock stands still, and its shell notices on waking.
    void suspend(const std::string& id, Duration duration);
    /// Pauses a virtual machine: its raw clock stands still, and nothing there tells of it.
    void stall(const std::string& id, Duration duration);
    void lie(const std::string& id, Lie lie) { node(id).lie = lie; }
    /// Cuts or heals the link between two nodes: cut() both directions, cut_way() one.
    void cut(const std::string& a, const std::string& b, bool is_cut = true);
    void cut_way(const std::string& from, const std::string& to, bool is_cut = true);
    /// Runs the function at the given time, between events.
    void at(TrueTime when, std::function<void()> what);
    Network& network() { return network_; }

    void run_for(Duration duration);
    /// Runs until the predicate holds, checking it every millisecond. Returns false when `limit` passes
    /// first.
    bool run_until(const std::function<bool()>& predicate, Duration limit);

    TrueTime now() const { return now_; }
    const SimOptions& options() const { return options_; }
    SlaveCore& slave(const std::string& id);
    const SlaveCore& slave(NodeIndex index) const;
    CandidateCore& candidate(const std::string& id);
    /// nullptr where the node is no candidate or not alive.
    const CandidateCore* candidate(NodeIndex index) const { return nodes_[index]->candidate; }
    std::size_t size() const { return nodes_.size(); }
    NodeIndex index(const std::string& id) const { return names_.at(id); }
    const NodeSpec& spec(NodeIndex index) const { return nodes_[index]->spec; }
    bool alive(const std::string& id) const { return nodes_[names_.at(id)]->alive; }
    bool alive(NodeIndex index) const { return nodes_[index]->alive; }
    bool paused(NodeIndex index) const { return nodes_[index]->paused; }
    /// Whether its machine sleeps, or its shell has not yet told the core of the sleep.
    bool sleeping(NodeIndex index) const { return nodes_[index]->sleeping; }
    bool lies(NodeIndex index) const { return nodes_[index]->lie.kind != LieKind::none; }
    /// The number of the node's present process, counted up.
    std::uint64_t life(NodeIndex index) const { return nodes_[index]->life; }
    RawTime raw(NodeIndex index) const { return nodes_[index]->oscillator->raw(now_); }
    /// Whether the node was stalled, and its clock has gone on as if nothing had happened since.
    bool stalled_unnoticed(NodeIndex index) const;
    Duration stood_still(NodeIndex index) const { return nodes_[index]->oscillator->stood_still(now_); }
    ClusterTime clock(NodeIndex index) const;
    ClusterTime clock(const std::string& id) const { return clock(names_.at(id)); }
    /// The widest difference between the clocks of all living nodes, now.
    Duration spread() const;
    const std::vector<Recorded>& events() const { return events_; }
    std::uint64_t dropped(const std::string& node, std::string_view reason) const;
    std::uint64_t messages() const { return messages_; }
    /// The number of messages that the codec changed.
    std::uint64_t codec_failures() const { return codec_failures_; }

    /// Called for every message before its delivery. It may change the message; false loses it.
    std::function<bool(const std::string& from, const std::string& to, Message&)> tap;
    /// Runs after every event of the simulation; `changed` is the node that it concerned.
    std::function<void()> on_step;
    std::function<void(NodeIndex changed)> on_change;
    /// Runs at every event that a core emits.
    std::function<void(NodeIndex from, const Event&)> on_event;

private:
    using Where = std::variant<Route, std::pair<Link, Via>>;
    struct Delivery {
        NodeIndex from = 0;
        NodeIndex to = 0;
        std::uint64_t life = 0;
        Where where;
        Message message;
    };
    struct Subscriptions {
        std::optional<NodeIndex> publish;
        std::optional<NodeIndex> heartbeat;
    };
    class Process;
    struct Host {
        NodeSpec spec;
        NodeIndex index = 0;
        bool alive = false;
        bool paused = false;
        bool sleeping = false;
        bool stopping = false;
        std::uint64_t life = 0;  ///< of the process; what was sent to an earlier life is lost
        Lie lie;
        std::optional<std::uint64_t> jumps_at_stall;  ///< of its clock, when the machine stood still
        std::unique_ptr<Oscillator> oscillator;
        std::unique_ptr<Process> process;    ///< null: it does not run
        CandidateCore* candidate = nullptr;  ///< of the process; null: a plain slave, or not running
        ElectorMemory memory;
        std::vector<CandidateInfo> known;
        Incarnation incarnation = 0;
        SavedRate saved_rate;
        std::array<Route, kMaxLinks> links{};  ///< 0: none
        std::array<Subscriptions, kMaxLinks> subscriptions{};
        std::vector<Delivery> waiting;          ///< came while the process was paused
        TrueTime busy_until = TrueTime::min();  ///< saves until then
        TrueTime wake = TrueTime::max();
        TrueTime wake_queued = TrueTime::max();
    };
    struct Connection {
        NodeIndex from;
        std::uint64_t from_life;
        Link link;
        NodeIndex to;
    };
    enum class Kind : std::uint8_t { deliver, wake, call };
    struct Scheduled {
        TrueTime at;
        std::uint64_t order;
        Kind kind;
        std::uint32_t index;
        bool operator>(const Scheduled& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    Host& node(const std::string& id) { return *nodes_[names_.at(id)]; }
    static SlaveCore& core(const Host& node);
    void begin(Host& node, std::optional<Duration> offset);
    /// Has the node's core do something, and carries out what it asks for.
    void step(Host& node, const std::function<void(Node&, Actions&)>& what);
    void carry_out(Host& node, const Actions& actions, std::size_t from = 0);
    void save(Host& node);
    void save_learned(Host& node);
    Saved save_promises(Host& node);
    void save_rate_after(Host& node, Duration wait);
    RouteSend send_to_route(Host& node, Route route, const Message& message);
    void send_to_link(Host& node, Link link, Message message);
    void send(NodeIndex from, NodeIndex to, Where where, Message message);
    void push_delivery(Duration delay, Delivery delivery);
    void publish(Host& node, Channel channel, const Message& message);
    void publish_to(NodeIndex from, Host& to, Channel channel, const Message& message);
    void through_codec(Message& message);
    void deliver(Delivery delivery);
    void wake(Host& node);
    void stand_still(const std::string& id, Duration duration, bool told);
    void leave_unless_needed(Host& node);
    void rearm(Host& node);
    void push(TrueTime at, Kind kind, std::uint32_t index);
    std::optional<NodeIndex> host(const Url& url) const;

    Prng prng_;
    SimOptions options_;
    Network network_;
    TrueTime now_{};
    std::uint64_t order_ = 0;
    std::vector<std::unique_ptr<Host>> nodes_;
    std::unordered_map<std::string, NodeIndex> names_;
    std::vector<Connection> connections_;  ///< route r is at r - 1
    std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> queue_;
    std::vector<Delivery> deliveries_;
    std::vector<std::uint32_t> free_deliveries_;
    std::vector<std::function<void()>> calls_;
    std::vector<Recorded> events_;
    std::uint64_t messages_ = 0;
    std::uint64_t codec_failures_ = 0;
};

}  // namespace berkeley::sim
