#include "sim/sim_cluster.hpp"

#include <algorithm>
#include <cmath>

namespace berkeley::sim {

namespace {

/// 2026-01-01, so that times look like times.
constexpr std::int64_t kEpochNs = 1'767'225'600'000'000'000;
/// What a process needs between reception and answer.
constexpr Duration kProcessing = std::chrono::microseconds{5};

template <class... Ts>
struct Overload : Ts... {
    using Ts::operator()...;
};
// clang 14 does not yet deduce this by itself.
template <class... Ts>
Overload(Ts...) -> Overload<Ts...>;

}  // namespace

SimCluster::SimCluster(std::uint64_t seed, NetworkModel network, Duration interval)
    : prng_(seed), network_(network), interval_(interval) {}

void SimCluster::add(const NodeSpec& spec) {
    Node& node = nodes_[spec.id];
    node.spec = spec;
    // Machines were booted at different times: their raw clocks have nothing in common.
    node.raw_base = Duration{static_cast<std::int64_t>(prng_.below(1'000'000'000'000'000ULL))};
    begin(node, std::nullopt);
}

void SimCluster::begin(Node& node, std::optional<Duration> offset) {
    ++node.life;
    node.alive = true;
    node.paused = false;
    node.links.clear();
    node.subscriptions.clear();
    const NodeSpec& spec = node.spec;
    SlaveCoreOptions options;
    options.cluster = node_id("sim");
    options.id = node_id(spec.id);
    options.incarnation = prng_.next();
    for (const std::string& master : spec.masters) options.masters.push_back(*Url::from(url(master, "poll")));
    const ClusterTime initial = from_ns<ClusterTime>(kEpochNs + to_ns(now_)) + offset.value_or(spec.offset);
    Actions actions;
    if (spec.candidate) {
        CandidateOptions all;
        options.want_heartbeats = true;
        options.candidate = CandidateInfo{options.id, spec.priority, *Url::from(url(spec.id, "poll")),
                                          *Url::from(url(spec.id, "publish")),
                                          *Url::from(url(spec.id, "heartbeat"))};
        all.slave = options;
        all.master.interval = interval_;
        all.election.id = options.id;
        all.election.priority = spec.priority;
        all.election.standby = spec.standby;
        node.candidate = std::make_unique<CandidateCore>(all, node.memory, Prng{prng_.next()}, raw(node), initial, 0);
        for (const CandidateInfo& info : node.memory.candidates) {
            node.candidate->slave().add_candidate(info, raw(node), actions);
        }
        node.candidate->start(raw(node), actions);
    } else {
        node.slave = std::make_unique<SlaveCore>(options, Prng{prng_.next()}, raw(node), initial, 0);
        node.slave->start(raw(node), actions);
    }
    carry_out(node, actions);
    rearm(node);
}

void SimCluster::kill(const std::string& id) {
    Node& node = nodes_.at(id);
    node.alive = false;
    node.slave.reset();
    node.candidate.reset();
    node.wake = TrueTime::max();
}

void SimCluster::restart(const std::string& id, bool with_state, std::optional<Duration> offset) {
    Node& node = nodes_.at(id);
    if (node.alive) kill(id);
    if (!with_state) node.memory = {};
    begin(node, offset);
}

void SimCluster::pause(const std::string& id) { nodes_.at(id).paused = true; }

void SimCluster::resume(const std::string& id) {
    nodes_.at(id).paused = false;
    wake(nodes_.at(id));
}

void SimCluster::cut(const std::string& a, const std::string& b, bool is_cut) {
    for (const auto& pair : {std::pair{a, b}, std::pair{b, a}}) {
        if (is_cut) {
            cuts_.insert(pair);
        } else {
            cuts_.erase(pair);
        }
    }
}

RawTime SimCluster::raw(const Node& node) const {
    const double drift = std::floor(static_cast<double>(to_ns(now_)) * node.spec.drift_ppm * 1e-6);
    return from_ns<RawTime>(to_ns(now_) + static_cast<std::int64_t>(drift)) + node.raw_base;
}

TrueTime SimCluster::true_at(const Node& node, RawTime raw) const {
    if (raw == RawTime::max()) return TrueTime::max();
    const double local = static_cast<double>((raw - node.raw_base).time_since_epoch().count());
    return from_ns<TrueTime>(static_cast<std::int64_t>(std::ceil(local / (1.0 + node.spec.drift_ppm * 1e-6))) + 1);
}

std::string SimCluster::host(const Url& url) {
    const std::string text = url.str().substr(6);
    return text.substr(0, text.find('/'));
}

SlaveCore& SimCluster::slave(const std::string& id) {
    Node& node = nodes_.at(id);
    return node.candidate ? node.candidate->slave() : *node.slave;
}

CandidateCore& SimCluster::candidate(const std::string& id) { return *nodes_.at(id).candidate; }

ClusterTime SimCluster::clock(const std::string& id) const {
    const Node& node = nodes_.at(id);
    const SlaveCore& core = node.candidate ? node.candidate->slave() : *node.slave;
    return core.discipline().map().cluster(raw(node));
}

Duration SimCluster::spread() const {
    ClusterTime low = ClusterTime::max();
    ClusterTime high = ClusterTime::min();
    for (const auto& [id, node] : nodes_) {
        if (!node.alive) continue;
        low = std::min(low, clock(id));
        high = std::max(high, clock(id));
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

void SimCluster::send(const std::string& from, const std::string& to,
                      std::variant<Route, std::pair<Link, Via>> where, Message message) {
    const Node& target = nodes_.at(to);
    if (!target.alive || prng_.chance(network_.loss)) return;
    const auto jitter = prng_.exponential(static_cast<double>(network_.jitter_mean.count()));
    const Duration delay = network_.base + Duration{static_cast<std::int64_t>(jitter)};
    queue_.push({now_ + delay, ++order_, {from, to, target.life, where, std::move(message)}});
}

void SimCluster::publish(Node& node, Channel channel, const Message& message) {
    for (auto& [id, other] : nodes_) {
        if (!other.alive) continue;
        if (const auto* c = std::get_if<Correction>(&message.body); c != nullptr && c->target.view() != id) continue;
        for (const auto& [link, subscribed] : other.subscriptions) {
            if (!subscribed.contains({node.spec.id, channel})) continue;
            const Via via = channel == Channel::publish ? Via::publish : Via::heartbeat;
            send(node.spec.id, id, std::pair{link, via}, message);
        }
    }
}

void SimCluster::carry_out(Node& node, const Actions& actions) {
    const std::string& self = node.spec.id;
    for (const Action& action : actions) {
        std::visit(
            Overload{
                [&](const SendToRoute& a) {
                    const auto found = connections_.find(a.route);
                    const bool there = found != connections_.end() && nodes_.at(found->second.from).alive &&
                                       nodes_.at(found->second.from).life == found->second.from_life;
                    if (!there) {
                        Actions more;
                        node.candidate->on_unreachable(a.route, more);
                        return carry_out(node, more);
                    }
                    if (a.token != 0) node.candidate->on_sent(a.token, raw(node));
                    send(self, found->second.from, std::pair{found->second.link, Via::dealer}, a.message);
                },
                [&](const SendToLink& a) {
                    const auto found = node.links.find(a.link);
                    if (found == node.links.end()) return;
                    Message message = a.message;
                    now_ += kProcessing;
                    if (auto* reply = std::get_if<Reply>(&message.body)) reply->t3 = raw(node);
                    send(self, connections_.at(found->second).to, found->second, std::move(message));
                    now_ -= kProcessing;
                },
                [&](const Publish& a) { publish(node, a.channel, a.message); },
                [&](const ConnectLink& a) {
                    if (!nodes_.contains(host(a.poll))) return;
                    node.links[a.link] = ++next_route_;
                    connections_[next_route_] = {self, node.life, a.link, host(a.poll)};
                },
                [&](const SubscribeLink& a) {
                    auto& subscribed = node.subscriptions[a.link];
                    subscribed.clear();
                    subscribed.insert({host(a.publish), Channel::publish});
                    if (!a.heartbeat.empty()) subscribed.insert({host(a.heartbeat), Channel::heartbeat});
                },
                [&](const DropLink& a) {
                    node.links.erase(a.link);
                    node.subscriptions.erase(a.link);
                },
                [](const PublishClock&) {},
                [&](const SaveState&) {
                    if (node.candidate) node.memory = node.candidate->memory();
                },
                [&](const EmitEvent& a) { events_.push_back({now_, self, a.event}); },
            },
            action);
    }
}

void SimCluster::deliver(const Delivery& d) {
    Node& node = nodes_.at(d.to);
    if (!node.alive || node.life != d.life || cuts_.contains({d.from, d.to})) return;
    if (node.paused) {  // waits in the socket; looked at again a little later
        queue_.push({now_ + std::chrono::milliseconds{1}, ++order_, d});
        return;
    }
    Message message = d.message;
    if (tap && !tap(d.from, d.to, message)) return;
    Actions actions;
    if (const auto* route = std::get_if<Route>(&d.where)) {
        node.candidate->on_route_message(*route, message, raw(node), actions);
    } else {
        const auto [link, via] = std::get<std::pair<Link, Via>>(d.where);
        if (node.candidate) {
            node.candidate->on_link_message(link, via, message, raw(node), actions);
        } else {
            node.slave->on_message(link, via, message, raw(node), actions);
        }
    }
    carry_out(node, actions);
    rearm(node);
}

void SimCluster::wake(Node& node) {
    Actions actions;
    if (node.candidate) {
        node.candidate->on_timer(raw(node), actions);
    } else {
        node.slave->on_timer(raw(node), actions);
    }
    carry_out(node, actions);
    rearm(node);
}

void SimCluster::rearm(Node& node) {
    const RawTime next = node.candidate ? node.candidate->next_deadline() : node.slave->next_deadline();
    node.wake = std::max(true_at(node, next), now_ + Duration{1});
}

void SimCluster::run_for(Duration duration) {
    const TrueTime end = now_ + duration;
    for (;;) {
        Node* next = nullptr;
        for (auto& [id, node] : nodes_) {
            if (node.alive && !node.paused && (next == nullptr || node.wake < next->wake)) next = &node;
        }
        const TrueTime wake_at = next != nullptr ? next->wake : TrueTime::max();
        const TrueTime message_at = queue_.empty() ? TrueTime::max() : queue_.top().at;
        if (std::min(wake_at, message_at) > end) break;
        now_ = std::max(now_, std::min(wake_at, message_at));
        if (message_at <= wake_at) {
            const Delivery delivery = queue_.top().delivery;
            queue_.pop();
            deliver(delivery);
        } else {
            wake(*next);
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
