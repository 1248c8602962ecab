#include "slave/links.hpp"

#include <algorithm>
#include <utility>

namespace berkeley {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kHelloFirst = milliseconds{100};
constexpr Duration kHelloMax = milliseconds{250};
/// The slave greets a welcomed candidate that does not poll it this often, so a restarted candidate learns
/// of it.
constexpr Duration kGreetAgain = seconds{1};
/// News is told within this time; a thousand slaves do not tell it at once.
constexpr Duration kGreetSoon = milliseconds{100};
/// libzmq gives up a connection for good after a protocol error, so the slave replaces a link that is silent
/// for so long.
constexpr Duration kLinkSilence = seconds{5};
/// A welcomed candidate answers each second. One that has missed two is no longer where it was.
constexpr Duration kMoveSilence = milliseconds{2500};
constexpr Duration kExpireEvery = std::chrono::minutes{1};

}  // namespace

Links::Links(const LinksOptions& options, Prng prng, RawTime now)
    : options_(options),
      prng_(prng),
      directory_(options.id, options.own, options.saved, now),
      expire_at_(now + kExpireEvery) {}

void Links::start(RawTime now, Actions& out) {
    for (const Url& url : options_.given) {
        const auto known = [&](const State& state) { return state.used && state.poll == url; };
        if (std::any_of(links_.begin(), links_.end(), known)) continue;
        if (options_.own && options_.own->poll == url) continue;
        State state;
        state.given = state.poll = url;
        connect(std::move(state), now, out);
    }
    reconcile(now, out);
}

std::optional<Link> Links::link_to(const NodeId& id) const {
    for (Link i = 0; i < links_.size(); ++i) {
        if (links_[i].used && !links_[i].resting && links_[i].id == id) return i;
    }
    return std::nullopt;
}

void Links::connect(State state, RawTime now, Actions& out) {
    const auto free = std::find_if(links_.begin(), links_.end(), [](const auto& l) { return !l.used; });
    if (free == links_.end()) return out.add(EmitEvent{DroppedEvent{"too-many-candidates", 1}});
    state.used = true;
    state.hello_backoff = kHelloFirst;
    state.heard_at = state.answered_at = state.hello_at = now;
    *free = std::move(state);
    const auto link = static_cast<Link>(free - links_.begin());
    out.add(ConnectLink{link, free->poll});
    subscribe(link, out);
}

void Links::reconnect(Link link, const Url& poll, RawTime now, Actions& out) {
    State& state = links_[link];
    state.poll = poll;
    state.welcomed = false;
    state.heard_at = state.hello_at = now;
    state.hello_backoff = kHelloFirst;
    out.add(ConnectLink{link, poll});
    subscribe(link, out);
}

void Links::drop(Link link, Actions& out) {
    links_[link] = State{};
    out.add(DropLink{link});
}

/// The user gave this endpoint, so it is tried again where the candidate's other one is silent.
void Links::rest(Link link, const NodeId& id, Actions& out) {
    State& state = links_[link];
    const Url given = state.given;
    drop(link, out);
    if (given.empty()) return;
    state.used = state.resting = true;
    state.given = state.poll = given;
    state.id = id;
}

void Links::subscribe(Link link, Actions& out) const {
    const auto* entry = links_[link].id.empty() ? nullptr : directory_.find(links_[link].id);
    if (entry == nullptr) return;
    const CandidateInfo& info = entry->info;
    out.add(SubscribeLink{link, info.publish, hears_heartbeats_ ? info.heartbeat : Url{}});
}

void Links::set_hears_heartbeats(bool hears, Actions& out) {
    if (std::exchange(hears_heartbeats_, hears) == hears) return;
    for (const Link link : connected()) subscribe(link, out);
}

void Links::hear(const CandidateInfo& info, CandidateDirectory::Source source, RawTime now, Actions& out) {
    const auto change = directory_.hear(info, source, now);
    note_change(change, now, out);
    if (change != CandidateDirectory::Change::entry) return;
    if (const auto link = link_to(info.id))
        move_if_due(*link, source == CandidateDirectory::Source::owner, now, out);
}

bool Links::forget(const NodeId& id, RawTime now, Actions& out) {
    if (!directory_.forget(id, now)) return false;
    note_change(CandidateDirectory::Change::entry, now, out);
    return true;
}

void Links::note_change(CandidateDirectory::Change change, RawTime now, Actions& out) {
    if (change == CandidateDirectory::Change::none) return;
    ++changes_;
    out.add(SaveLearned{});
    if (change == CandidateDirectory::Change::own) return greet_soon(now);
    reconcile(now, out);
}

/// Makes the links that the directory asks for, and drops those of forgotten candidates.
void Links::reconcile(RawTime now, Actions& out) {
    for (Link i = 0; i < links_.size(); ++i) {
        const State& state = links_[i];
        if (state.used && state.given.empty() && directory_.find(state.id) == nullptr) drop(i, out);
    }
    for (const auto& entry : directory_.entries()) {
        const CandidateInfo& info = entry.info;
        const auto leads_there = [&](const State& state) {
            return state.used && !state.resting &&
                   (state.id == info.id || (state.id.empty() && state.poll == info.poll));
        };
        if (std::any_of(links_.begin(), links_.end(), leads_there)) continue;
        State state;
        state.poll = info.poll;
        state.id = info.id;
        state.version = info.version;
        connect(std::move(state), now, out);
    }
}

bool Links::is_silent(const State& state, RawTime now) const {
    return !state.welcomed || now - state.answered_at > kMoveSilence;
}

void Links::move_if_due(Link link, bool at_once, RawTime now, Actions& out) {
    State& state = links_[link];
    const auto* entry = directory_.find(state.id);
    if (entry == nullptr || entry->info.version <= state.version) return;
    if (!at_once && !is_silent(state, now)) return;
    state.version = entry->info.version;
    state.silence_told = false;
    reconnect(link, entry->info.poll, now, out);
}

void Links::note_message(Link link, Via via, RawTime now) {
    State& state = links_[link];
    if (via == Via::dealer) {
        state.heard_at = state.answered_at = now;
        state.silence_told = false;
    } else {
        (via == Via::publish ? state.publish : state.heartbeat) = {now, 0, false};
    }
    if (!state.id.empty()) directory_.note_heard(state.id, now);
}

bool Links::on_welcome(Link link, const CandidateInfo& sender, RawTime now, Actions& out) {
    if (const auto other = link_to(sender.id); other && *other != link) {
        // Two URLs lead to one candidate (a name and an address, say), so one link is of no use.
        if (!is_silent(links_[*other], now)) {
            rest(link, sender.id, out);
            return false;
        }
        rest(*other, sender.id, out);
    }
    State& state = links_[link];
    if (!std::exchange(state.welcomed, true)) {
        out.add(EmitEvent{
            NoteEvent{Severity::info, "welcomed by " + sender.id.str() + " at " + state.poll.str()}});
    }
    const bool known = std::exchange(state.id, sender.id) == sender.id;
    const auto change = directory_.hear(sender, CandidateDirectory::Source::owner, now);
    note_change(change, now, out);
    if (const auto* entry = directory_.find(sender.id)) state.version = entry->info.version;
    if (!known || change == CandidateDirectory::Change::entry) subscribe(link, out);
    return true;
}

bool Links::on_name_in_use(Link link, const NodeId& sender, RawTime now, Actions& out) {
    const auto other = link_to(sender);
    if (!other || *other == link || is_silent(links_[*other], now)) return false;
    out.add(EmitEvent{NoteEvent{Severity::info, links_[link].poll.str() + " leads to " + sender.str() +
                                                    " too, as " + links_[*other].poll.str() +
                                                    " does: kept in reserve"}});
    rest(link, sender, out);
    return true;
}

void Links::put_off(Link link, Duration wait, RawTime now) {
    State& state = links_[link];
    state.welcomed = false;
    state.hello_backoff = wait;
    state.hello_at = now + wait;
}

std::vector<Link> Links::tend(std::optional<Link> polled, RawTime now, Actions& out) {
    if (now >= expire_at_) {
        expire_at_ = now + kExpireEvery;
        if (directory_.expire(now)) note_change(CandidateDirectory::Change::entry, now, out);
    }
    std::vector<Link> due;
    for (Link i = 0; i < links_.size(); ++i) {
        State& state = links_[i];
        if (!state.used) continue;
        watch_silence(i, now, out);
        if (state.resting || now < state.hello_at) continue;
        move_if_due(i, false, now, out);
        const bool is_polled = polled == i;
        // Greetings keep the link alive where rounds are far apart.
        const bool needless = state.welcomed && is_polled && now - state.heard_at < kLinkSilence / 2;
        if (!needless) due.push_back(i);
        // Jitter, so that a thousand slaves started together do not greet together for ever.
        const double jitter = prng_.uniform(0.9, 1.1);
        const Duration wait = state.welcomed ? kGreetAgain : state.hello_backoff;
        state.hello_at =
            now + Duration{static_cast<std::int64_t>(static_cast<double>(wait.count()) * jitter)};
        if (state.hello_backoff < kHelloMax)
            state.hello_backoff = std::min(2 * state.hello_backoff, kHelloMax);
    }
    return due;
}

void Links::watch_silence(Link link, RawTime now, Actions& out) {
    State& state = links_[link];
    if (state.resting) {
        const auto other = link_to(state.id);
        if (other && !is_silent(links_[*other], now)) return;
        state.resting = false;
        state.id = NodeId{};
        return reconnect(link, state.given, now, out);
    }
    if (now - state.heard_at <= kLinkSilence) return;
    if (!std::exchange(state.silence_told, true)) {
        out.add(EmitEvent{NoteEvent{Severity::warning,
                                    "no answer from " +
                                        (state.id.empty() ? std::string{} : state.id.str() + " at ") +
                                        state.poll.str() + "; still trying (is it running, and of cluster " +
                                        options_.cluster.str() + "?)"}});
    }
    reconnect(link, alternative(state), now, out);
}

/// A candidate that the user named may be where the user said, or where it was heard of last: in turn.
Url Links::alternative(const State& state) const {
    const auto* entry = state.id.empty() ? nullptr : directory_.find(state.id);
    if (state.given.empty() || entry == nullptr || state.poll != state.given) {
        return state.given.empty() ? state.poll : state.given;
    }
    return entry->info.poll;
}

void Links::greet_anew() {
    for (State& state : links_) {
        state.welcomed = false;
        state.hello_at = RawTime::min();
    }
}

void Links::greet_soon(RawTime now) {
    for (State& state : links_) {
        const Duration wait{static_cast<std::int64_t>(prng_.below(kGreetSoon.count()))};
        state.hello_at = std::min(state.hello_at, now + wait);
    }
}

std::vector<Link> Links::connected() const {
    std::vector<Link> all;
    for (Link i = 0; i < links_.size(); ++i) {
        if (links_[i].used && !links_[i].resting) all.push_back(i);
    }
    return all;
}

RawTime Links::next_deadline() const {
    RawTime next = expire_at_;
    for (const State& state : links_) {
        if (state.used && !state.resting)
            next = std::min({next, state.hello_at, state.heard_at + kLinkSilence + Duration{1}});
    }
    return next;
}

}  // namespace berkeley
