// A SUB fails in silence: where its URL leads nowhere, a firewall is in between, or libzmq gave the
// connection up, nothing comes, and nothing says so. But the leader polls over the DEALER of the same link,
// and publishes after each round and with each heartbeat. So a SUB that brings nothing meanwhile is a dead
// end: we name it once, and make it anew until something comes.

#include <algorithm>
#include <utility>

#include "slave/slave_core.hpp"

namespace berkeley {
namespace {

using std::chrono::seconds;

/// A connection with keys is made in less, also on a busy machine.
constexpr Duration kDeadEndMin = seconds{2};
/// A SUB that was made anew has this long, at least.
constexpr Duration kRenewEvery = seconds{5};
constexpr int kBeatsMissed = 3;  ///< timeouts, of which each is several heartbeats

}  // namespace

void SlaveCore::note_heard(LinkState& state, Via via, RawTime now) {
    switch (via) {
        case Via::dealer:
            state.heard_at = state.answered_at = now;
            state.silence_told = false;
            break;
        case Via::publish:
            state.publish = {now, 0, false};
            break;
        case Via::heartbeat:
            state.heartbeat = {now, 0, false};
            break;
    }
}

/// At each POLL of the leader. Rounds are counted, since a master that gathers repeats a round's number and
/// publishes nothing.
void SlaveCore::watch_subscriptions(Link link, const Poll& poll, RawTime now, Actions& out) {
    LinkState& state = links_[link];
    if (leader_link_ != link || !state.info) {
        state.publish.begin(now);
        state.heartbeat.begin(now);
        return;
    }
    const auto tell = [&](SubscriptionWatch& watch, std::string_view way, const Url& url) {
        if (!std::exchange(watch.told, true)) {
            out.add(EmitEvent{DeadEndEvent{
                way, state.info->id, url,
                "hears nothing from " + state.info->id.str() + " at its " + std::string(way) + " endpoint " +
                    url.str() +
                    ", though it polls this node: does a firewall close that port, or does the URL "
                    "lead elsewhere (--advertise-" +
                    std::string(way) + " of " + state.info->id.str() + ")?"}});
        }
        watch.begin(now);
    };
    const auto patience = [](const SubscriptionWatch& watch, Duration first) {
        return watch.told ? std::max(first, kRenewEvery) : first;
    };
    if (!hears_heartbeats_) state.heartbeat.begin(now);
    const Duration silence = std::max<Duration>(kDeadEndMin, kBeatsMissed * elector_.options().timeout);
    if (now - state.heartbeat.since > patience(state.heartbeat, silence)) {
        tell(state.heartbeat, "heartbeat", state.info->heartbeat);
        out.add(SubscribeLink{link, {}, state.info->heartbeat});
    }
    if (poll.round == answered_[0]) return;
    ++state.publish.rounds;
    if (state.publish.rounds > kDeadEndRounds &&
        now - state.publish.since > patience(state.publish, kDeadEndMin)) {
        tell(state.publish, "publish", state.info->publish);
        out.add(SubscribeLink{link, state.info->publish, hears_heartbeats_ ? state.info->heartbeat : Url{}});
    }
}

}  // namespace berkeley
