#include "sim/sim_cluster.hpp"

#include <algorithm>
#include <cassert>

namespace berkeley::sim {

namespace {

/// 2026-01-01, so that times look like times.
constexpr std::int64_t kEpochNs = 1'767'225'600'000'000'000;
constexpr std::string_view kScheme = "inproc://";

Url url(const std::string& id, const char* what) {
    return *Url::from(std::string(kScheme) + id + "/" + what);
}

}  // namespace

const ClusterName& cluster_name() {
    static const ClusterName name = node_id("sim");
    return name;
}

/// A running process of a host: its core, and the ports by which that reaches the simulated world.
class SimCluster::Process final : public Ports {
public:
    Process(SimCluster& world, Host& host, std::unique_ptr<Node> node)
        : node_(std::move(node)), world_(world), host_(host), interpreter_(*node_, *this) {}

    Node& node() { return *node_; }
    Interpreter& interpreter() { return interpreter_; }

    RouteSend send(Route route, const Message& message, bool) override {
        return world_.send_to_route(host_, route, message);
    }
    void send(Link link, const Message& message) override { world_.send_to_link(host_, link, message); }
    void publish(Channel channel, const Message& message) override {
        world_.publish(host_, channel, message);
    }
    void connect(Link link, const Url& poll) override {
        const auto peer = world_.host(poll);
        if (!peer) return;
        world_.connections_.push_back({host_.index, host_.life, link, *peer});
        host_.links.at(link) = static_cast<Route>(world_.connections_.size());
    }
    void subscribe(Link link, const Url& publish, const Url& heartbeat) override {
        auto& [publisher, beater] = host_.subscriptions.at(link);
        if (!publish.empty()) publisher = world_.host(publish);
        beater = heartbeat.empty() ? std::nullopt : world_.host(heartbeat);
    }
    void drop(Link link) override {
        host_.links.at(link) = 0;
        host_.subscriptions.at(link) = {};
    }
    void publish_clock() override {}
    Saved save() override { return world_.save_promises(host_); }
    void save_learned() override { world_.save_learned(host_); }
    void tell(const Event& event) override {
        if (world_.on_event) world_.on_event(host_.index, event);
        if (world_.options_.keep_events) world_.events_.push_back({world_.now_, host_.spec.id, event});
    }
    RawTime now() override { return world_.raw(host_.index); }
    bool slept() override { return false; }

private:
    std::unique_ptr<Node> node_;
    SimCluster& world_;
    Host& host_;
    Interpreter interpreter_;
};

SimCluster::SimCluster(std::uint64_t seed, const SimOptions& options)
    : prng_(seed), options_(options), network_(options.network, prng_.next()) {}

SimCluster::SimCluster(std::uint64_t seed, NetworkModel network, Duration interval)
    : SimCluster(seed, SimOptions{.network = network, .interval = interval}) {}

SimCluster::~SimCluster() = default;

void SimCluster::add(const NodeSpec& spec) {
    auto added = std::make_unique<Host>();
    added->spec = spec;
    added->index = static_cast<NodeIndex>(nodes_.size());
    OscillatorModel model = spec.oscillator;
    model.ppm += spec.drift_ppm;
    // Machines were booted at different times: their raw clocks have nothing in common.
    const Duration base{static_cast<std::int64_t>(prng_.below(1'000'000'000'000'000ULL))};
    added->oscillator = std::make_unique<Oscillator>(std::move(model), base, prng_.next());
    names_[spec.id] = added->index;
    nodes_.push_back(std::move(added));
    begin(*nodes_.back(), std::nullopt);
}

void SimCluster::begin(Host& node, std::optional<Duration> offset) {
    ++node.life;
    node.alive = true;
    node.paused = false;
    node.sleeping = false;
    node.stopping = false;
    node.busy_until = TrueTime::min();
    node.links = {};
    node.subscriptions = {};
    node.waiting.clear();
    const NodeSpec& spec = node.spec;
    const RawTime raw_now = raw(node.index);
    SlaveCoreOptions options;
    options.cluster = cluster_name();
    options.id = node_id(spec.id);
    if (node.incarnation == 0) node.incarnation = prng_.next() | 1;
    options.incarnation = node.incarnation;
    options.heartbeat_timeout = options_.heartbeat_timeout;
    options.memory = node.memory;
    options.known = node.known;
    options.discipline = options_.discipline;
    for (const std::string& master : spec.masters) options.masters.push_back(url(master, "poll"));
    const ClusterTime initial = from_ns<ClusterTime>(kEpochNs + to_ns(now_)) + offset.value_or(spec.offset);
    std::unique_ptr<Node> core;
    if (spec.candidate) {
        CandidateOptions all;
        options.want_heartbeats = true;
        options.candidate = CandidateInfo{options.id, spec.priority, url(spec.id, "poll"),
                                          url(spec.id, "publish"), url(spec.id, "heartbeat")};
        all.slave = options;
        all.master.interval = options_.interval;
        all.master.burst = options_.burst;
        all.master.window = options_.window;
        all.election.priority = spec.priority;
        all.election.standby = spec.standby;
        all.election.heartbeat_interval = options_.heartbeat_interval;
        auto candidate =
            std::make_unique<CandidateNode>(all, Prng{prng_.next()}, raw_now, initial, node.saved_rate);
        node.candidate = &candidate->candidate();
        core = std::move(candidate);
    } else {
        core = std::make_unique<SlaveNode>(options, Prng{prng_.next()}, raw_now, initial, node.saved_rate);
    }
    node.process = std::make_unique<Process>(*this, node, std::move(core));
    step(node, [&](Node& started, Actions& out) { started.start(raw_now, out); });
    save_rate_after(node, std::chrono::seconds{30});
    rearm(node);
}

SlaveCore& SimCluster::core(const Host& node) { return node.process->node().slave(); }

void SimCluster::step(Host& node, const std::function<void(Node&, Actions&)>& what) {
    Actions actions;
    what(node.process->node(), actions);
    carry_out(node, actions);
}

void SimCluster::carry_out(Host& node, const Actions& actions, std::size_t from) {
    const auto next = node.process->interpreter().carry_out(actions, from);
    if (!next) return;
    // The disk is slow: what stands behind the save waits for it.
    at(node.busy_until, [this, &node, life = node.life, actions, next] {
        if (!node.alive || node.life != life) return;
        save(node);
        node.process->interpreter().on_saved({});
        carry_out(node, actions, *next);
        rearm(node);
        if (on_change) on_change(node.index);
    });
}

/// Saves the rate as the shell does. A node that is killed before comes back with an older rate.
void SimCluster::save_rate_after(Host& node, Duration wait) {
    at(now_ + wait, [this, &node, life = node.life, wait] {
        if (!node.alive || node.life != life) return;
        node.saved_rate = core(node).discipline().rate_to_save();
        save_rate_after(node, std::min<Duration>(2 * wait, std::chrono::hours{1}));
    });
}

void SimCluster::kill(const std::string& id) {
    Host& killed = node(id);
    if (!killed.alive) return;
    killed.alive = false;
    killed.process.reset();
    killed.candidate = nullptr;
    killed.wake = TrueTime::max();
    if (on_change) on_change(killed.index);
}

void SimCluster::stop(const std::string& id) {
    Host& stopped = node(id);
    step(stopped, [&](Node& core, Actions& out) { core.resign(raw(stopped.index), out); });
    stopped.stopping = true;
    leave_unless_needed(stopped);
}

void SimCluster::step_down(const std::string& id) {
    constexpr Route kTool = 0;  // no node's
    Host& leader = node(id);
    Actions actions;
    leader.candidate->on_route_message(kTool, {{cluster_name(), node_id("tool"), 0}, StepDown{}},
                                       raw(leader.index), actions);
    Actions told;
    for (const Action& action : actions) {
        const auto* answer = std::get_if<SendToRoute>(&action);
        if (answer == nullptr || answer->route != kTool) told.add(action);
    }
    carry_out(leader, told);
    rearm(leader);
}

void SimCluster::leave_unless_needed(Host& node) {
    if (!node.stopping || node.process->node().needed(raw(node.index))) return;
    step(node, [&](Node& core, Actions& out) { core.stop(raw(node.index), out); });
    node.saved_rate = core(node).discipline().rate_to_save();
    kill(node.spec.id);
}

void SimCluster::restart(const std::string& id, bool with_state, std::optional<Duration> offset) {
    Host& restarted = node(id);
    restarted.jumps_at_stall.reset();
    kill(id);
    if (!with_state) {
        restarted.memory = {};
        restarted.known.clear();
        restarted.incarnation = 0;
        restarted.saved_rate = {};
    }
    begin(restarted, offset);
}

void SimCluster::pause(const std::string& id) { node(id).paused = true; }

void SimCluster::resume(const std::string& id) {
    Host& resumed = node(id);
    if (!resumed.paused) return;
    resumed.paused = false;
    if (!resumed.alive) return;
    wake(resumed);
    for (Delivery& delivery : std::exchange(resumed.waiting, {})) deliver(std::move(delivery));
}

void SimCluster::suspend(const std::string& id, Duration duration) { stand_still(id, duration, true); }

void SimCluster::stall(const std::string& id, Duration duration) {
    Host& stalled = node(id);
    if (stalled.alive) stalled.jumps_at_stall = slave(stalled.index).discipline().jumps();
    stand_still(id, duration, false);
}

bool SimCluster::stalled_unnoticed(NodeIndex index) const {
    const Host& host = *nodes_[index];
    return host.jumps_at_stall && host.alive && slave(index).discipline().jumps() == *host.jumps_at_stall;
}

void SimCluster::stand_still(const std::string& id, Duration duration, bool told) {
    Host& slept = node(id);
    slept.oscillator->suspend(now_, now_ + duration);
    slept.paused = true;
    slept.sleeping = true;
    at(now_ + duration, [this, id, told, life = slept.life] {
        Host& woken = node(id);
        if (!woken.alive || woken.life != life) return;
        if (told) {
            step(woken,
                 [](Node& core, Actions& out) { core.slave().disrupt("the machine was suspended", out); });
        }
        woken.sleeping = false;
        woken.paused = false;
        // As the shell does it: what the core owes to its timers, then what waits in the sockets, then the
        // timers.
        step(woken, [&](Node& core, Actions& out) { core.on_timer(raw(woken.index), out); });
        for (Delivery& delivery : std::exchange(woken.waiting, {})) deliver(std::move(delivery));
        rearm(woken);
    });
}

void SimCluster::cut(const std::string& a, const std::string& b, bool is_cut) {
    cut_way(a, b, is_cut);
    cut_way(b, a, is_cut);
}

void SimCluster::cut_way(const std::string& from, const std::string& to, bool is_cut) {
    network_.cut(names_.at(from), names_.at(to), is_cut);
}

void SimCluster::at(TrueTime when, std::function<void()> what) {
    calls_.push_back(std::move(what));
    push(when, Kind::call, static_cast<std::uint32_t>(calls_.size() - 1));
}

std::optional<SimCluster::NodeIndex> SimCluster::host(const Url& url) const {
    const std::string_view text = url.view().substr(std::min(url.view().size(), kScheme.size()));
    const auto found = names_.find(std::string(text.substr(0, text.find('/'))));
    return found == names_.end() ? std::nullopt : std::optional{found->second};
}

SlaveCore& SimCluster::slave(const std::string& id) { return core(node(id)); }

const SlaveCore& SimCluster::slave(NodeIndex index) const { return core(*nodes_[index]); }

CandidateCore& SimCluster::candidate(const std::string& id) { return *node(id).candidate; }

ClusterTime SimCluster::clock(NodeIndex index) const {
    return core(*nodes_[index]).discipline().map().cluster(raw(index));
}

Duration SimCluster::spread() const {
    ClusterTime low = ClusterTime::max();
    ClusterTime high = ClusterTime::min();
    for (const auto& node : nodes_) {
        if (!node->alive) continue;
        const ClusterTime time = clock(node->index);
        low = std::min(low, time);
        high = std::max(high, time);
    }
    return high - low;
}

std::uint64_t SimCluster::dropped(const std::string& node, std::string_view reason) const {
    std::uint64_t total = 0;
    for (const Recorded& r : events_) {
        const auto* drop = std::get_if<DroppedEvent>(&r.event);
        if (drop != nullptr && r.node == node && drop->reason == reason) total += drop->count;
    }
    return total;
}

void SimCluster::save(Host& node) { node.memory = core(node).elector().memory(); }

void SimCluster::save_learned(Host& node) {
    node.known = core(node).directory().descriptions(raw(node.index));
    node.saved_rate = core(node).discipline().rate_to_save();
}

Saved SimCluster::save_promises(Host& node) {
    if (options_.save_takes > Duration{0}) {
        node.busy_until = now_ + options_.save_takes;
        return {Saved::Outcome::later, {}};
    }
    save(node);
    return {};
}

void SimCluster::wake(Host& node) {
    step(node, [&](Node& core, Actions& out) { core.on_timer(raw(node.index), out); });
    leave_unless_needed(node);
    rearm(node);
    if (on_change) on_change(node.index);
}

void SimCluster::rearm(Host& node) {
    if (!node.alive) return;
    const RawTime next = node.process->node().next_deadline();
    node.wake = std::max(node.oscillator->when(next, now_), now_ + Duration{1});
    if (node.wake < node.wake_queued) {
        node.wake_queued = node.wake;
        push(node.wake, Kind::wake, node.index);
    }
}

void SimCluster::push(TrueTime at, Kind kind, std::uint32_t index) {
    queue_.push({at, ++order_, kind, index});
}

void SimCluster::run_for(Duration duration) {
    const TrueTime end = now_ + duration;
    while (!queue_.empty() && queue_.top().at <= end) {
        const Scheduled next = queue_.top();
        queue_.pop();
        now_ = std::max(now_, next.at);
        if (next.kind == Kind::deliver) {
            Delivery delivery = std::move(deliveries_[next.index]);
            free_deliveries_.push_back(next.index);
            deliver(std::move(delivery));
        } else if (next.kind == Kind::wake) {
            Host& node = *nodes_[next.index];
            if (next.at != node.wake_queued) continue;  // an earlier one had been queued meanwhile
            node.wake_queued = TrueTime::max();
            if (!node.alive || node.paused) continue;  // it is woken when it goes on
            node.wake = std::max(node.wake, node.busy_until);
            if (node.wake > now_) {
                node.wake_queued = node.wake;
                push(node.wake, Kind::wake, node.index);
                continue;
            }
            wake(node);
        } else {
            const auto call = std::exchange(calls_[next.index], nullptr);
            call();
        }
        if (on_step) on_step();
    }
    now_ = end;
}

bool SimCluster::run_until(const std::function<bool()>& predicate, Duration limit) {
    const TrueTime end = now_ + limit;
    while (now_ < end) {
        if (predicate()) return true;
        run_for(std::chrono::milliseconds{1});
    }
    return predicate();
}

}  // namespace berkeley::sim
