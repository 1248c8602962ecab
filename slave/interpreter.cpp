#include "slave/interpreter.hpp"

#include <string_view>

#include "base/overload.hpp"

namespace berkeley {
namespace {

bool is_promise(const Message& message) {
    return std::holds_alternative<Grant>(message.body) || std::holds_alternative<Ack>(message.body);
}

}  // namespace

std::optional<std::size_t> Interpreter::carry_out(const Actions& actions, std::size_t from) {
    for (std::size_t i = from; i < actions.size(); ++i) {
        bool later = false;
        std::visit(Overload{
                       [&](const SendToRoute& a) { carry_out(a); },
                       [&](const SendToLink& a) { carry_out(a); },
                       [&](const Publish& a) { carry_out(a); },
                       [&](const ConnectLink& a) { ports_.connect(a.link, a.poll); },
                       [&](const SubscribeLink& a) { ports_.subscribe(a.link, a.publish, a.heartbeat); },
                       [&](const DropLink& a) { ports_.drop(a.link); },
                       [&](const PublishClock&) { ports_.publish_clock(); },
                       [&](const SaveState&) {
                           const Saved saved = ports_.save();
                           later = saved.outcome == Saved::Outcome::later;
                           if (!later) on_saved(saved);
                       },
                       [&](const SaveLearned&) { ports_.save_learned(); },
                       [&](const EmitEvent& a) { ports_.tell(a.event); },
                   },
                   actions[i]);
        if (later) return i + 1;
    }
    return std::nullopt;
}

void Interpreter::on_saved(const Saved& saved) {
    promises_lost_ = saved.outcome == Saved::Outcome::failed;
    if (!promises_lost_) return;
    Actions more;
    node_.slave().stop_voting(saved.why, more);
    carry_out(more);
}

void Interpreter::carry_out(const SendToRoute& action) {
    const RouteSend sent = ports_.send(action.route, action.message, action.token != 0);
    if (sent.outcome == RouteSend::Outcome::sent) {
        if (action.token != 0) node_.on_sent(action.token, sent.stamp);
    } else if (sent.outcome == RouteSend::Outcome::gone) {
        Actions more;
        node_.on_unreachable(action.route, more);
        carry_out(more);
    }
}

void Interpreter::carry_out(const SendToLink& action) {
    if (promises_lost_ && is_promise(action.message)) return;
    ports_.send(action.link, action.message);
}

/// We check a correction once more when it leaves: its lease may have run out while the disk was slow, and
/// the raw clock does not show that the machine slept. Only the receiver's fence can notice a sleep after
/// this, in libzmq's own thread.
void Interpreter::carry_out(const Publish& action) {
    if (std::holds_alternative<Correction>(action.message.body) && ports_.slept()) {
        return ports_.tell(DroppedEvent{"suspended", 1});
    }
    if (action.not_after != RawTime::max() && ports_.now() >= action.not_after) {
        return ports_.tell(DroppedEvent{"lease-expired", 1});
    }
    ports_.publish(action.channel, action.message);
}

}  // namespace berkeley
