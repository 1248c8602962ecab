// A SUB fails in silence: where its URL leads nowhere, a firewall is in between, or libzmq gave the
// connection up, nothing comes, and nothing says so. But the leader polls over the DEALER of the same link,
// and publishes after each round and with each heartbeat. So a SUB that brings nothing meanwhile is a dead
// end: we name it once, and make it anew until something comes.

#include <algorithm>
#include <utility>

#include "slave/links.hpp"

namespace berkeley {
namespace {

using std::chrono::seconds;

/// A connection with keys is made in less, also on a busy machine.
constexpr Duration kDeadEndMin = seconds{2};
/// A SUB that was made anew has this long, at least.
constexpr Duration kRenewEvery = seconds{5};
constexpr int kBeatsMissed = 3;  ///< timeouts, of which each is several heartbeats

}  // namespace

void Links::tell_dead_end(SubscriptionWatch& watch, std::string_view way, const CandidateInfo& info,
                          const Url& url, RawTime now, Actions& out) const {
    if (!std::exchange(watch.told, true)) {
        out.add(EmitEvent{DeadEndEvent{way, info.id, url,
                                       "hears nothing from " + info.id.str() + " at its " + std::string(way) +
                                           " endpoint " + url.str() +
                                           ", though it polls this node: does a firewall close that port, or "
                                           "does the URL lead elsewhere "
                                           "(--advertise-" +
                                           std::string(way) + " of " + info.id.str() + ")?"}});
    }
    watch.begin(now);
}

/// At each POLL of the leader. Rounds are counted, since a master that gathers repeats a round's number and
/// publishes nothing.
void Links::on_poll(Link link, const Polled& polled, RawTime now, Actions& out) {
    State& state = links_[link];
    const auto* entry = state.id.empty() ? nullptr : directory_.find(state.id);
    if (!polled.by_leader || entry == nullptr) {
        state.publish.begin(now);
        state.heartbeat.begin(now);
        return;
    }
    const CandidateInfo& info = entry->info;
    const auto patience = [](const SubscriptionWatch& watch, Duration first) {
        return watch.told ? std::max(first, kRenewEvery) : first;
    };
    if (!hears_heartbeats_) state.heartbeat.begin(now);
    const Duration silence = std::max<Duration>(kDeadEndMin, kBeatsMissed * polled.timeout);
    if (now - state.heartbeat.since > patience(state.heartbeat, silence)) {
        tell_dead_end(state.heartbeat, "heartbeat", info, info.heartbeat, now, out);
        out.add(SubscribeLink{link, {}, info.heartbeat});
    }
    if (!polled.new_round) return;
    ++state.publish.rounds;
    if (state.publish.rounds > kDeadEndRounds &&
        now - state.publish.since > patience(state.publish, kDeadEndMin)) {
        tell_dead_end(state.publish, "publish", info, info.publish, now, out);
        subscribe(link, out);
    }
}

}  // namespace berkeley
