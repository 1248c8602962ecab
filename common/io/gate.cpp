#include "io/gate.hpp"

#include <utility>

namespace berkeley {
namespace {

using std::chrono::seconds;

/// Of a peer that says nothing for so long only its name is forgotten, not its connection.
constexpr Duration kForgetPeer = seconds{60};
constexpr Duration kNoteAgain = seconds{60};
constexpr std::size_t kMaxNoted = 64;
constexpr std::size_t kMaxNotes = 16;

std::size_t index(BoundSocket which) { return static_cast<std::size_t>(which); }

}  // namespace

Gate::Gate(std::optional<Credentials> credentials, const RateLimitOptions& limit)
    : credentials_(std::move(credentials)), limit_(limit) {
    handshakes_.fill(HandshakeLimit(secured()));
}

void Gate::open(zmq::context_t& context) {
    if (secured()) zap_.emplace(context);
}

bool Gate::serve_handshake(RawTime now) {
    switch (zap_->serve(credentials_->ring)) {
        case ZapHandler::Served::nothing:
            return false;
        case ZapHandler::Served::admitted:
            break;
        case ZapHandler::Served::malformed:
            drops_.count(Drop::failed_handshake);
            break;
        case ZapHandler::Served::refused:
            drops_.count(Drop::unauthorised_key);
            note("refused a connection from " + zap_->refusal().address + ": its key " + zap_->refusal().key.str() +
                     " is not authorised here; berkeleyctl authorize admits it",
                 now);
            break;
    }
    return true;
}

const PeerIdentity* Gate::identify(zmq::message_t& message, PublicKey& key) {
    const char* text = zmq_msg_gets(message.handle(), ZapHandler::kKeyProperty);
    const auto claimed = PublicKey::from(text != nullptr ? text : "");
    if (text == nullptr || !claimed) {
        drops_.count(Drop::unauthenticated);
        return nullptr;
    }
    key = *claimed;
    const PeerIdentity* who = credentials_->ring.find(key);
    if (who == nullptr) drops_.count(Drop::revoked_key);
    return who;
}

Gate::Peer* Gate::peer_of(Route route, zmq::message_t& payload, RawTime now) {
    if (const auto known = peers_.find(route); known != peers_.end()) return &known->second;
    const int fd = zmq_msg_get(payload.handle(), ZMQ_SRCFD);
    Peer peer{fd, {}, {}, RateLimit(limit_, now), now};
    if (secured()) {
        const PeerIdentity* who = identify(payload, peer.key);
        if (who == nullptr) {
            cut(fd);
            return nullptr;
        }
        peer.who = *who;
    }
    if (peers_.size() >= kMaxPeers) {
        drops_.count(Drop::too_many_peers);
        cut(fd);
        return nullptr;
    }
    routes_[fd] = route;
    return &peers_.emplace(route, std::move(peer)).first->second;
}

std::optional<PeerIdentity> Gate::admit(Route route, zmq::message_t& payload, RawTime now) {
    if (!secured() && limit_.per_second == 0) return PeerIdentity{};
    Peer* peer = peer_of(route, payload, now);
    if (peer == nullptr) return std::nullopt;
    peer->seen_at = now;
    switch (peer->bucket.take(limit_, now)) {
        case RateLimit::Verdict::pass:
            return peer->who;
        case RateLimit::Verdict::drop:
            drops_.count(Drop::rate_limited);
            break;
        case RateLimit::Verdict::cut:
            drops_.count(Drop::flood);
            note("cut the connection of " + (peer->who.id.empty() ? "a peer" : peer->who.id.str()) +
                     ", which sends more than " + std::to_string(limit_.per_second) + " messages a second",
                 now);
            cut(peer->fd);
            break;
    }
    return std::nullopt;
}

bool Gate::on_subscription(BoundSocket which, zmq::message_t& message) {
    const int fd = zmq_msg_get(message.handle(), ZMQ_SRCFD);
    Subscriber& subscriber = subscribers_[index(which)][fd];
    if (secured()) {
        const PeerIdentity* who = identify(message, subscriber.key);
        if (who == nullptr || !is_node(who->role)) {
            cut(fd);
            return false;
        }
    }
    if (++subscriber.subscriptions <= kMaxSubscriptions) return true;
    drops_.count(Drop::excess_subscriptions);
    cut(fd);
    return false;
}

void Gate::on_connection(BoundSocket which, const MonitorEvent& event, RawTime now) {
    const int fd = static_cast<int>(event.value);
    switch (event.type) {
        case ZMQ_EVENT_ACCEPTED:
            subscribers_[index(which)].erase(fd);
            handshakes_[index(which)].on_accepted(fd, now, drops_);
            break;
        case ZMQ_EVENT_DISCONNECTED:
            subscribers_[index(which)].erase(fd);
            handshakes_[index(which)].on_disconnected(fd);
            if (const auto route = routes_.find(fd); which == BoundSocket::poll && route != routes_.end()) {
                peers_.erase(route->second);
                routes_.erase(route);
            }
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            drops_.count(Drop::failed_handshake);
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            drops_.count(Drop::failed_handshake);
            if (event.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
                note(secured() ? "turned a client away that has no keys: it needs --secret-key-file"
                               : "turned a client away that has keys: this node was started without --secret-key-file",
                     now);
            } else if (event.value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC && secured()) {
                note("turned a client away that expects another server key; ours is " +
                         credentials_->own.public_key.str(),
                     now);
            }
            break;
        default:
            break;  // ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: the ZAP handler knows more
    }
}

bool Gate::refresh(bool force, RawTime now) {
    std::erase_if(peers_, [&](const auto& entry) { return now - entry.second.seen_at > kForgetPeer; });
    std::erase_if(routes_, [&](const auto& entry) { return !peers_.contains(entry.second); });
    std::erase_if(noted_, [&](const auto& entry) { return now - entry.second > kNoteAgain; });
    if (!secured()) return false;
    const Keyring& ring = credentials_->ring;
    const auto refreshed = credentials_->ring.refresh(force);
    for (const std::string& line : refreshed.complaints) note(line, now);
    if (!refreshed.changed) return false;
    note("authorised keys: " + std::to_string(ring.size()), now);
    std::erase_if(peers_, [&](const auto& entry) {
        const PeerIdentity* who = ring.find(entry.second.key);
        if (who != nullptr && *who == entry.second.who) return false;
        cut(entry.second.fd);
        return true;
    });
    for (auto& subscribers : subscribers_) {
        std::erase_if(subscribers, [&](const auto& entry) {
            const PeerIdentity* who = ring.find(entry.second.key);
            if (who != nullptr && is_node(who->role)) return false;
            cut(entry.first);
            return true;
        });
    }
    return true;
}

void Gate::note(std::string text, RawTime now) {
    if (notes_.size() >= kMaxNotes || noted_.size() >= kMaxNoted) return;
    if (!noted_.emplace(text, now).second) return;
    notes_.push_back(std::move(text));
}

}  // namespace berkeley
