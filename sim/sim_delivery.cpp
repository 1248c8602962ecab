// How messages travel through the simulated world: over the network's model, and some of them through the
// codec.

#include "sim/sim_cluster.hpp"
#include "wire/codec.hpp"

namespace berkeley::sim {

namespace {

/// The time that a process needs between reception and answer.
constexpr Duration kProcessing = std::chrono::microseconds{5};

std::optional<std::uint32_t> probe_of(const Message& message) {
    if (const auto* poll = std::get_if<Poll>(&message.body)) return poll->probe;
    if (const auto* reply = std::get_if<Reply>(&message.body)) return reply->probe;
    return std::nullopt;
}

void tell(const Lie& lie, TrueTime now, Reply& reply) {
    Duration by = lie.size;
    if (lie.kind == LieKind::none) return;
    if (lie.kind == LieKind::ramp) {
        by = Duration{saturate(Int128{lie.size.count()} * to_ns(now) / 1'000'000'000)};
    } else if (lie.kind == LieKind::two_faced && reply.round % 2 == 1) {
        by = -by;
    } else if (lie.kind == LieKind::huge_bound) {
        reply.bound = kUnknownBound;
    }
    reply.t2 += by;
    reply.t3 += by;
}

}  // namespace

void SimCluster::through_codec(Message& message) {
    Encoded encoded;
    Message decoded;
    encode(message, encoded);
    if (decode(encoded.bytes, cluster_name(), decoded) || decoded != message) {
        ++codec_failures_;
        return;
    }
    message = std::move(decoded);
}

void SimCluster::send(NodeIndex from, NodeIndex to, Where where, Message message) {
    const Host& target = *nodes_[to];
    if (!target.alive) return;
    if (++messages_, options_.codec_every > 0 && messages_ % options_.codec_every == 0)
        through_codec(message);
    // Of polls and replies the way matters; candidates' other talk is taken as the way from a master.
    const bool there = std::holds_alternative<std::pair<Link, Via>>(where);
    const auto probe = probe_of(message);
    const Duration took = std::holds_alternative<Reply>(message.body) ? kProcessing : Duration{0};
    const std::size_t copies = network_.copies();
    for (std::size_t i = 1; i < copies; ++i) {
        push_delivery(took + network_.delay(from, to, there, probe), {from, to, target.life, where, message});
    }
    if (copies > 0) {
        push_delivery(took + network_.delay(from, to, there, probe),
                      {from, to, target.life, where, std::move(message)});
    }
}

void SimCluster::push_delivery(Duration delay, Delivery delivery) {
    std::uint32_t slot = 0;
    if (free_deliveries_.empty()) {
        slot = static_cast<std::uint32_t>(deliveries_.size());
        deliveries_.push_back(std::move(delivery));
    } else {
        slot = free_deliveries_.back();
        free_deliveries_.pop_back();
        deliveries_[slot] = std::move(delivery);
    }
    push(now_ + delay, Kind::deliver, slot);
}

void SimCluster::publish_to(NodeIndex from, Host& to, Channel channel, const Message& message) {
    if (!to.alive) return;
    for (Link link = 0; link < to.subscriptions.size(); ++link) {
        const Subscriptions& subscribed = to.subscriptions[link];
        const bool heartbeat = channel == Channel::heartbeat;
        if ((heartbeat ? subscribed.heartbeat : subscribed.publish) != from) continue;
        send(from, to.index, std::pair{link, heartbeat ? Via::heartbeat : Via::publish}, message);
    }
}

void SimCluster::publish(Host& node, Channel channel, const Message& message) {
    if (const auto* correction = std::get_if<Correction>(&message.body)) {
        const auto target = names_.find(correction->target.str());
        if (target != names_.end()) publish_to(node.index, *nodes_[target->second], channel, message);
        return;
    }
    for (const auto& other : nodes_) publish_to(node.index, *other, channel, message);
}

RouteSend SimCluster::send_to_route(Host& node, Route route, const Message& message) {
    const Connection& connection = connections_.at(route - 1);
    const Host& peer = *nodes_[connection.from];
    if (!peer.alive || peer.life != connection.from_life || peer.links[connection.link] != route) {
        return {RouteSend::Outcome::gone, {}};
    }
    send(node.index, connection.from, std::pair{connection.link, Via::dealer}, message);
    return {RouteSend::Outcome::sent, raw(node.index)};
}

void SimCluster::send_to_link(Host& node, Link link, Message message) {
    const Route route = node.links.at(link);
    if (route == 0) return;
    if (auto* reply = std::get_if<Reply>(&message.body)) {
        reply->t3 = raw(node.index) + kProcessing;
        berkeley::sim::tell(node.lie, now_, *reply);
    }
    send(node.index, connections_[route - 1].to, route, std::move(message));
}

void SimCluster::deliver(Delivery d) {
    Host& node = *nodes_[d.to];
    if (!node.alive || node.life != d.life || network_.is_cut(d.from, d.to)) return;
    if (node.paused) {  // waits in the socket
        constexpr std::size_t kSocketMax = 100'000;
        if (node.waiting.size() < kSocketMax) node.waiting.push_back(std::move(d));
        return;
    }
    if (now_ < node.busy_until) return push_delivery(node.busy_until - now_, std::move(d));
    if (tap && !tap(nodes_[d.from]->spec.id, node.spec.id, d.message)) return;
    step(node, [&](Node& core, Actions& out) {
        const RawTime now = raw(node.index);
        if (const auto* route = std::get_if<Route>(&d.where)) {
            core.on_route_message(*route, d.message, now, out);
        } else {
            const auto [link, via] = std::get<std::pair<Link, Via>>(d.where);
            core.on_link_message(link, via, d.message, now, out);
        }
    });
    leave_unless_needed(node);
    rearm(node);
    if (on_change) on_change(node.index);
}

}  // namespace berkeley::sim
