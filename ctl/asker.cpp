#include "ctl/asker.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/duration_text.hpp"
#include "base/endpoint.hpp"
#include "wire/codec.hpp"

namespace berkeley::ctl {

namespace {

/// A lost request is asked again so often within the timeout.
constexpr int kAttempts = 4;
/// Until the connection stands a send is refused; then it is tried again soon.
constexpr Duration kConnecting = std::chrono::milliseconds{5};
constexpr Duration kTend = std::chrono::seconds{1};

}  // namespace

Result<std::unique_ptr<Asker>> Asker::create(const Targets& targets) {
    std::unique_ptr<Asker> asker{new Asker(targets)};
    TransportOptions options;
    options.clock = raw_source(asker->clock_);
    options.credentials = targets.credentials;
    options.doorbell = asker->doorbell_;
    options.look_up = asker->names_.look_up();
    auto transport = Transport::create(options);
    if (!transport) return failure(transport.error());
    asker->transport_ = std::move(*transport);
    for (const std::string& poll : targets.polls) {
        if (const auto connected = asker->connect({.poll = poll}); !connected)
            return failure(connected.error());
    }
    return asker;
}

Result<void> Asker::connect(LinkState state) {
    const auto link = static_cast<Link>(links_.size());
    if (const auto connected = transport_->connect_link(link, state.poll); !connected) return connected;
    links_.push_back(std::move(state));
    return {};
}

bool Asker::add(const std::string& poll) {
    const auto known = [&](const LinkState& state) { return state.poll == poll; };
    if (links_.size() >= kMaxCandidates || std::any_of(links_.begin(), links_.end(), known)) return false;
    return connect({.poll = poll}).has_value();
}

void Asker::ask(Link link, const Body& question, IsAnswer is_answer) {
    LinkState& state = links_[link];
    // libzmq gives up a connection for good after a protocol error.
    if (state.failed) static_cast<void>(transport_->connect_link(link, state.poll));
    const NodeId self =
        targets_.credentials ? targets_.credentials->id : node_id("ctl-" + std::to_string(getpid()));
    encode({{targets_.cluster, self, 0}, question}, state.question);
    state.is_answer = std::move(is_answer);
    state.ask_at = now();
    state.end = state.ask_at + targets_.timeout;
    state.asked = true;
    state.failed = state.foreign = false;
}

std::optional<Asker::Ended> Asker::next(RawTime until) {
    for (;;) {
        if (auto ended = receive()) return ended;
        const RawTime at = now();
        RawTime deadline = until;
        for (Link link = 0; link < links_.size(); ++link) {
            LinkState& state = links_[link];
            if (!state.asked) continue;
            if (at >= state.end) {
                state.asked = false;
                state.failed = true;
                return Ended{link, failure(why_silent(link))};
            }
            if (at >= state.ask_at) {
                const bool sent = transport_->send(link, state.question).ok();
                state.ask_at = at + (sent ? targets_.timeout / kAttempts : kConnecting);
            }
            deadline = std::min({deadline, state.ask_at, state.end});
        }
        if (at >= until) return std::nullopt;
        if (at >= tend_at_) {
            if (targets_.credentials) {
                static_cast<void>(targets_.credentials->keys.read(KeyDirectory::Thoroughness::changes));
                transport_->adopt(targets_.credentials->keys.ring());
            }
            transport_->tend();
            tend_at_ = at + kTend;
        }
        if (transport_->poll(std::min(deadline, tend_at_)).rung) names_.finish();
    }
}

std::optional<Asker::Ended> Asker::receive() {
    Inbound in;
    Message answer;
    while (transport_->receive(in)) {
        if (in.link >= links_.size()) continue;
        LinkState& state = links_[in.link];
        const auto error = decode(in.payload, targets_.cluster, answer);
        state.foreign = state.foreign || error == DecodeError::foreign_cluster;
        // A server whose key is pinned with a name has that name only.
        const bool named = in.peer && !in.peer->id.empty();
        if (error || !state.asked || (named && answer.header.sender != in.peer->id) ||
            !state.is_answer(answer))
            continue;
        state.asked = false;
        return Ended{in.link, std::move(answer)};
    }
    return std::nullopt;
}

std::string Asker::why_silent(Link link) {
    // The notes tell why a handshake failed, by the URL, and which name does not resolve.
    transport_->tend();
    for (std::string& note : transport_->take_notes()) {
        for (LinkState& state : links_) {
            const auto endpoint = parse_endpoint(state.poll, EndpointUse::connect);
            const bool about = (note + ' ').find(state.poll + ' ') != std::string::npos ||
                               note.find(state.poll + ": ") != std::string::npos ||
                               (endpoint && note.find("name " + endpoint->host + ": ") != std::string::npos);
            if (about) state.note = note;
        }
    }
    LinkState& state = links_[link];
    const std::string silent = "no answer from " + state.poll;
    if (!state.note.empty()) return silent + ": " + std::exchange(state.note, {});
    return silent + " within " + duration_text(targets_.timeout) +
           (state.foreign ? ": it answers for another cluster, see --cluster"
                          : ": is a master or standby of cluster '" + targets_.cluster.str() + "' there?");
}

}  // namespace berkeley::ctl
