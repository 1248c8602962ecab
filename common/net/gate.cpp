#include "net/gate.hpp"

#include <cstdlib>
#include <utility>

#include "net/peer_address.hpp"
#include "net/tcp_bytes.hpp"
#include "net/topics.hpp"

namespace berkeley {
namespace {

/// After so long a silence we forget the peer's name; the connection stays.
constexpr Duration kForgetPeer = std::chrono::seconds{60};

/// How often we look for messages without end, and at how many descriptors: half a millisecond's work. One
/// such message can bring kMaxUnfinishedBytes and the bytes of a tenth of a second more, or of a second for
/// each 10,000 connections.
constexpr Duration kLookEvery = std::chrono::milliseconds{100};
constexpr int kLookShare = 1024;

std::size_t index(BoundSocket which) { return static_cast<std::size_t>(which); }

/// The number of the admission of a message's connection. Without keys there are no admissions.
std::uint64_t admission_of(zmq::message_t& message) {
    const char* text = zmq_msg_gets(message.handle(), ZapHandler::kAdmissionProperty);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
}

std::string name_of(const PeerIdentity& who) { return who.id.empty() ? "a peer" : who.id.str(); }

}  // namespace

Gate::Gate(const std::optional<Credentials>& credentials, const PeerLimits& limits)
    : limits_(limits), accounts_(limits) {
    if (credentials) {
        own_ = {credentials->id, credentials->own};
        ring_ = credentials->keys.ring();
    }
    handshakes_.fill(HandshakeLimit(secured()));
}

void Gate::open(zmq::context_t& context) {
    if (secured()) zap_.emplace(context);
}

void Gate::answer_handshake(RawTime now) {
    if (handshake_ == ZapHandler::Request::malformed) return drops_.count(Drop::failed_handshake);
    const PublicKey& key = zap_->key();
    const PeerIdentity* who = ring_->find(key);
    if (who == nullptr) {
        drops_.count(Drop::unauthorised_key, zap_->address());
        notes_.add(Notes::About::strangers,
                   "refused a connection from " + zap_->address() + ": its key " + key.str() +
                       " is not authorised here; berkeleyctl authorize admits it",
                   now);
        return zap_->refuse("key not authorised");
    }
    switch (accounts_.admit(key, who->role, now)) {
        case KeyAccounts::Admission::granted:
            return zap_->admit(*who);
        case KeyAccounts::Admission::too_often:
            drops_.count(Drop::admission_limit, zap_->address());
            note("turned away a connection of " + name_of(*who) + " from " + zap_->address() +
                     ", which makes too many of them",
                 now);
            break;
        case KeyAccounts::Admission::too_many:
            drops_.count(Drop::too_many_connections, zap_->address());
            note("turned away a connection of " + name_of(*who) + " from " + zap_->address() +
                     ", which has " + std::to_string(limits_.connections) + " of them",
                 now);
            break;
    }
    zap_->refuse("too many for now");
}

void Gate::end(Connection& connection) {
    connection.cut = true;
    cut(connection.fd);
}

void Gate::forget(const Connection& connection) {
    if (!connection.spoke) return;
    if (secured()) accounts_.disconnected(connection.key);
    if (connection.route) peers_.erase(*connection.route);
}

void Gate::on_bound(BoundSocket which) {
    for (const Connection& connection : connections_.clear(which)) forget(connection);
    if (which == BoundSocket::poll) peers_.clear();
    failures_[index(which)].reset();
    handshakes_[index(which)] = HandshakeLimit(secured());
}

void Gate::on_accepted(BoundSocket which, int fd, RawTime now) {
    if (const auto gone = connections_.gone(which, fd)) forget(*gone);
    Connection connection{.fd = fd,
                          .accepted_at = now,
                          .first_admission = zap_ ? zap_->next_admission() : 0,
                          .bucket = RateLimit(limits_.messages, now),
                          .address = peer_address(fd)};
    if (which == BoundSocket::poll) routes_.on_accepted();
    if (secured() && strangers_.cuts(connection.address, now)) {
        drops_.count(Drop::wasted_handshakes, connection.address);
        end(connection);
    }
    connections_.accepted(which, connection);
    if (!connection.cut) handshakes_[index(which)].on_accepted(fd, now, drops_);
}

void Gate::on_connection(BoundSocket which, const MonitorEvent& event, RawTime now) {
    const int fd = static_cast<int>(event.value);
    switch (event.type) {
        case ZMQ_EVENT_ACCEPTED:
            on_accepted(which, fd, now);
            break;
        case ZMQ_EVENT_DISCONNECTED:
            if (const auto gone = connections_.gone(which, fd)) {
                forget(*gone);
                if (!gone->spoke && !gone->cut) strangers_.on_wasted(gone->address, now);
                name_failure(which, gone->address, now);
            }
            handshakes_[index(which)].on_disconnected(fd);
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            note_failure(which, {});
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            if (event.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
                note_failure(which, secured()
                                        ? "it has no keys and needs --secret-key-file"
                                        : "it has keys, and this node was started without --secret-key-file");
            } else if (event.value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC && secured()) {
                note_failure(which, "it expects another server key; ours is " + own_->keys.public_key.str());
            } else {
                note_failure(which, {});
            }
            break;
        default:
            break;  // ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: the ZAP handler knows more
    }
}

/// libzmq tells of a failed handshake without its descriptor; the end of that connection is its next event.
/// So the drop is counted then, with the address.
void Gate::note_failure(BoundSocket which, const std::string& why) {
    auto& failure = failures_[index(which)];
    if (failure) {
        drops_.count(Drop::failed_handshake);
    } else {
        failure.emplace();
    }
    if (!why.empty()) *failure = why;
}

void Gate::name_failure(BoundSocket which, const std::string& address, RawTime now) {
    auto& failure = failures_[index(which)];
    if (!failure) return;
    drops_.count(Drop::failed_handshake, address);
    if (!failure->empty()) {
        const std::string from = address.empty() ? "" : " from " + address;
        notes_.add(Notes::About::strangers, "turned a client" + from + " away: " + *failure, now);
    }
    failure.reset();
}

/// libzmq attaches the key of the sender to each message.
bool Gate::authenticate(zmq::message_t& message, Speaker& speaker) {
    const char* text = zmq_msg_gets(message.handle(), ZapHandler::kKeyProperty);
    const auto key = PublicKey::from(text != nullptr ? text : "");
    if (text == nullptr || !key) {
        drops_.count(Drop::unauthenticated, sender_address(message));
        return false;
    }
    const PeerIdentity* who = ring_->find(*key);
    if (who == nullptr) {
        drops_.count(Drop::revoked_key, sender_address(message));
        return false;
    }
    speaker.key = *key;
    speaker.who = *who;
    return true;
}

std::optional<Gate::Speaker> Gate::identify(BoundSocket which, zmq::message_t& message, RawTime now) {
    const int fd = zmq_msg_get(message.handle(), ZMQ_SRCFD);
    Speaker speaker;
    if (secured() && !authenticate(message, speaker)) {
        cut(fd);
        return std::nullopt;
    }
    speaker.connection = connections_.find(which, fd, admission_of(message));
    if (speaker.connection == nullptr || speaker.connection->spoke) return speaker;
    Connection& connection = *speaker.connection;
    if (secured() && !accounts_.connected(speaker.key, now)) {
        drops_.count(Drop::too_many_connections, connection.address);
        end(connection);
        return std::nullopt;
    }
    connection.spoke = true;
    if (secured()) strangers_.on_member(connection.address, now);
    connection.key = speaker.key;
    connection.who = speaker.who;
    return speaker;
}

bool Gate::spend(const PublicKey& key, const PeerIdentity& who, Connection* connection, RawTime now) {
    // A connection that is gone has left a bounded queue only.
    const auto verdict = secured()               ? accounts_.message(key, now)
                         : connection != nullptr ? connection->bucket.take(limits_.messages, now)
                                                 : RateLimit::Verdict::pass;
    if (verdict == RateLimit::Verdict::pass) return true;
    const std::string from = connection != nullptr ? connection->address : std::string{};
    if (verdict == RateLimit::Verdict::drop) {
        drops_.count(Drop::rate_limited, from);
        return false;
    }
    drops_.count(Drop::flood, from);
    note("cut the connection of " + name_of(who) + (from.empty() ? "" : " from " + from) +
             ", which sends more than " + std::to_string(limits_.messages.per_second) + " messages a second",
         now);
    if (connection != nullptr) end(*connection);
    return false;
}

Gate::Peer* Gate::peer_of(Route route, zmq::message_t& payload, RawTime now) {
    if (const auto known = peers_.find(route); known != peers_.end()) return &known->second;
    const auto speaker = identify(BoundSocket::poll, payload, now);
    if (!speaker) return nullptr;
    if (peers_.size() >= kMaxPeers) {
        drops_.count(Drop::too_many_peers, sender_address(payload));
        if (speaker->connection != nullptr) end(*speaker->connection);
        return nullptr;
    }
    Peer peer{speaker->key, speaker->who};
    if (speaker->connection != nullptr) {
        speaker->connection->route = route;
        peer.fd = speaker->connection->fd;
    }
    return &peers_.emplace(route, std::move(peer)).first->second;
}

std::optional<PeerIdentity> Gate::admit(std::optional<Route> route, zmq::message_t& payload, RawTime now) {
    if (!route || !routes_.may_be_given(*route)) {
        drops_.count(Drop::foreign_routing_id, sender_address(payload));
        cut(zmq_msg_get(payload.handle(), ZMQ_SRCFD));
        return std::nullopt;
    }
    Peer* peer = peer_of(*route, payload, now);
    if (peer == nullptr) return std::nullopt;
    peer->seen_at = now;
    Connection* connection = peer->fd < 0 ? nullptr : connections_.find(BoundSocket::poll, peer->fd);
    if (connection != nullptr) connection->heard = true;
    if (limits_.messages.per_second == 0) return peer->who;
    if (!spend(peer->key, peer->who, connection, now)) return std::nullopt;
    return peer->who;
}

bool Gate::on_upstream(BoundSocket which, Upstream kind, zmq::message_t& frame, RawTime now) {
    // Within this process nothing is limited; and where a connection has ended, libzmq itself takes its
    // topics back.
    if (zmq_msg_get(frame.handle(), ZMQ_SRCFD) < 0) return !secured() && kind == Upstream::subscription;
    const auto speaker = identify(which, frame, now);
    if (!speaker || speaker->connection == nullptr) return false;
    Connection& connection = *speaker->connection;
    connection.heard = true;
    const auto refuse = [&](Drop why) {
        drops_.count(why, connection.address);
        end(connection);
        return false;
    };
    if (secured() && !is_node(speaker->who.role)) return refuse(Drop::forbidden_subscription);
    if (kind == Upstream::foreign) return refuse(Drop::malformed_subscription);
    if (kind == Upstream::ambiguous) return refuse(Drop::ambiguous_subscription);
    const std::string_view topic(static_cast<const char*>(frame.data()) + 1, frame.size() - 1);
    if (connection.subscriber.empty() && secured()) connection.subscriber = speaker->who.id;
    if (!may_subscribe(which, topic, connection.subscriber)) return refuse(Drop::forbidden_subscription);
    // A subscription that gets lost would not be missed by its sender, so the connection goes with it.
    if (!spend(speaker->key, speaker->who, &connection, now)) {
        end(connection);
        return false;
    }
    const bool subscribes = *static_cast<const char*>(frame.data()) == 1;
    if (subscribes && ++connection.subscriptions > kMaxSubscriptions)
        return refuse(Drop::excess_subscriptions);
    return true;
}

void Gate::cut_endless(RawTime now) {
    if (now < look_at_) return;
    look_at_ = now + kLookEvery;
    connections_.for_next(kLookShare, [&](Connection& connection) {
        if (connection.cut) return;
        const auto bytes = tcp_bytes(connection.fd);
        if (!bytes) return;
        if (is_endless(connection, bytes->received)) {
            drops_.count(Drop::endless_message, connection.address);
            note("cut the connection of " + name_of(connection.who) + ", which sends a message without end",
                 now);
            end(connection);
        }
    });
}

void Gate::cut_revoked(bool silent_too) {
    connections_.for_each([&](Connection& connection) {
        if (!connection.spoke) {
            if (silent_too) end(connection);
            return;
        }
        const PeerIdentity* who = ring_->find(connection.key);
        if (who != nullptr && *who == connection.who) return;
        if (connection.route) peers_.erase(*connection.route);
        end(connection);
    });
    // Peers whose connection is gone already.
    std::erase_if(peers_, [&](const auto& entry) {
        const PeerIdentity* who = ring_->find(entry.second.key);
        return who == nullptr || *who != entry.second.who;
    });
}

void Gate::tend(RawTime now) {
    std::erase_if(peers_, [&](const auto& entry) { return now - entry.second.seen_at > kForgetPeer; });
    notes_.forget(now);
    accounts_.forget(now);
    strangers_.forget(now);
    for (HandshakeLimit& handshakes : handshakes_) handshakes.shed(now, drops_);
    connections_.for_each([&](Connection& connection) {
        const bool silent = !connection.spoke && now - connection.accepted_at > limits_.silence;
        if (!silent || connection.cut || limits_.silence == Duration{0}) return;
        drops_.count(Drop::silent_connection, connection.address);
        end(connection);
    });
}

bool Gate::adopt(std::shared_ptr<const Keyring> ring, RawTime now) {
    if (*ring == *ring_) return false;
    const bool revokes = ring->revokes_any_of(*ring_);
    ring_ = std::move(ring);
    note("authorised keys: " + std::to_string(ring_->size()), now);
    cut_revoked(revokes);
    return true;
}

}  // namespace berkeley
