// The slave core's links: which candidates it knows, is connected to, greets and hears.

#include <algorithm>

#include "slave/slave_core.hpp"

namespace berkeley {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kHelloFirst = milliseconds{100};
constexpr Duration kHelloMax = milliseconds{250};
/// The slave greets a welcomed candidate that does not poll it this often, so a restarted candidate learns
/// of it.
constexpr Duration kGreetAgain = seconds{1};
/// libzmq gives up a connection for good after a protocol error, so the slave replaces a link that is silent
/// for so long.
constexpr Duration kLinkSilence = seconds{5};
constexpr int kMissedIntervals = 3;
constexpr Duration kForgetCandidate = std::chrono::minutes{1};

}  // namespace

void SlaveCore::add_candidate_url(const Url& poll, RawTime now, Actions& out) {
    const auto known = [&](const LinkState& link) { return link.used && link.poll == poll; };
    if (std::any_of(links_.begin(), links_.end(), known)) return;
    if (options_.candidate && options_.candidate->poll == poll) return;
    LinkState state;
    state.poll = poll;
    connect(std::move(state), now, out);
}

void SlaveCore::add_candidate(const CandidateInfo& info, RawTime now, Actions& out) {
    if (info.id == options_.id) return;
    for (Link i = 0; i < links_.size(); ++i) {
        LinkState& link = links_[i];
        if (!link.used || !link.spare_for.empty()) continue;
        if (link.info ? link.info->id != info.id : link.poll != info.poll) continue;
        if (link.info && *link.info == info) return;
        // Only its own candidate's WELCOME may move a link that works.
        if (link.welcomed) return;
        note_candidates_changed(out);
        const bool moved = link.info && link.info->poll != info.poll;
        link.info = info;
        if (moved) {
            link.poll = info.poll;
            link.welcomed = false;
            out.add(ConnectLink{i, info.poll});
        }
        subscribe(i, out);
        return;
    }
    LinkState state;
    state.poll = info.poll;
    state.info = info;
    connect(std::move(state), now, out);
}

void SlaveCore::note_candidates_changed(Actions& out) {
    ++candidates_version_;
    out.add(SaveLearned{});
}

void SlaveCore::connect(LinkState state, RawTime now, Actions& out) {
    auto free = std::find_if(links_.begin(), links_.end(), [](const auto& l) { return !l.used; });
    if (free == links_.end()) free = replaceable_link(now);
    if (free == links_.end()) return drop("too-many-candidates", out);
    note_candidates_changed(out);
    state.used = true;
    state.heard_at = state.answered_at = now;
    state.hello_at = now;
    state.hello_backoff = kHelloFirst;
    *free = std::move(state);
    const auto link = static_cast<Link>(free - links_.begin());
    out.add(ConnectLink{link, free->poll});
    subscribe(link, out);
}

/// Finds the link to replace where all are in use: a candidate that was not named at the start and has not
/// answered for long.
std::array<SlaveCore::LinkState, kMaxCandidates>::iterator SlaveCore::replaceable_link(RawTime now) {
    const auto given = [&](const LinkState& link) {
        return std::find(options_.masters.begin(), options_.masters.end(), link.poll) !=
               options_.masters.end();
    };
    return std::find_if(links_.begin(), links_.end(), [&](const LinkState& link) {
        return !link.welcomed && !given(link) && now - link.answered_at > kForgetCandidate;
    });
}

void SlaveCore::subscribe(Link link, Actions& out) const {
    const auto& info = links_[link].info;
    if (info) out.add(SubscribeLink{link, info->publish, hears_heartbeats_ ? info->heartbeat : Url{}});
}

/// Candidates, voters and slaves that the leader asks hear heartbeats. For the other slaves of a large
/// cluster heartbeats are noise.
void SlaveCore::update_heartbeat_subscriptions(Actions& out) {
    const bool hears = options_.want_heartbeats || asked_to_listen_ || elector_.is_voter();
    if (hears == hears_heartbeats_) return;
    hears_heartbeats_ = hears;
    for (Link i = 0; i < links_.size(); ++i) {
        if (links_[i].used) subscribe(i, out);
    }
}

void SlaveCore::greet(Link link, RawTime now, Actions& out) {
    LinkState& state = links_[link];
    Hello hello;
    hello.incarnation = options_.incarnation;
    hello.generation = generation_;
    hello.freq_ppb = discipline_.map().rate_ppb;
    hello.leader = leader_;
    hello.candidate = options_.candidate;
    hello.committee = elector_.committee();
    out.add(SendToLink{link, make(std::move(hello))});
    // Jitter, so that a thousand slaves started together do not greet together for ever.
    const double jitter = prng_.uniform(0.9, 1.1);
    const Duration wait = state.welcomed ? kGreetAgain : state.hello_backoff;
    state.hello_at = now + Duration{static_cast<std::int64_t>(static_cast<double>(wait.count()) * jitter)};
    if (state.hello_backoff < kHelloMax) state.hello_backoff = std::min(2 * state.hello_backoff, kHelloMax);
}

void SlaveCore::watch_links(RawTime now, Actions& out) {
    for (Link i = 0; i < links_.size(); ++i) {
        LinkState& state = links_[i];
        if (!state.used || !state.spare_for.empty()) continue;
        if (now - state.heard_at > kLinkSilence) {
            state.heard_at = now;
            state.welcomed = false;
            state.hello_backoff = kHelloFirst;
            if (!state.silence_told) {
                state.silence_told = true;
                out.add(EmitEvent{NoteEvent{
                    Severity::warning,
                    "no answer from " + (state.info ? state.info->id.str() + " at " : std::string{}) +
                        state.poll.str() + "; still trying (is it running, and of cluster " +
                        options_.cluster.str() + "?)"}});
            }
            out.add(ConnectLink{i, state.poll});
            subscribe(i, out);
            if (state.info) wake_spares(NodeId{state.info->id}, now, out);
        }
        if (now < state.hello_at) continue;
        const bool polled = leader_link_ == i && now - polled_at_ < kMissedIntervals * interval_;
        // Greetings keep the link alive where rounds are far apart.
        if (state.welcomed && polled && now - state.heard_at < kLinkSilence / 2) {
            state.hello_at = now + kGreetAgain;
        } else {
            greet(i, now, out);
        }
    }
}

std::vector<CandidateInfo> SlaveCore::known_candidates() const {
    std::vector<CandidateInfo> result;
    for (const LinkState& state : links_) {
        if (state.used && state.info) result.push_back(*state.info);
    }
    return result;
}

RawTime SlaveCore::next_link_deadline() const {
    RawTime next = RawTime::max();
    for (const LinkState& state : links_) {
        if (state.used && state.spare_for.empty())
            next = std::min({next, state.hello_at, state.heard_at + kLinkSilence + Duration{1}});
    }
    return next;
}

}  // namespace berkeley
