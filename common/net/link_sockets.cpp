#include "net/link_sockets.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "wire/codec.hpp"

namespace berkeley {
namespace {

/// So often in a row is no accident.
constexpr std::size_t kHangUps = 3;
constexpr int kLinkEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

}  // namespace

Result<void> LinkSockets::connect(zmq::context_t& context, Gate& gate, std::string_view url, RawTime now) {
    url_ = Url::from(url).value_or(Url{});
    tried_ = 0;
    resting_ = false;
    dealer_.close();
    if (gate.secured()) {
        const auto& pins = gate.ring().pins();
        if (pins.empty()) {
            gate.note("not connecting to " + url_.str() +
                          ": no server key is pinned; --server-key or a candidate in "
                          "--authorized-keys is needed",
                      now);
            return {};
        }
        // The same key as before, where it is still there.
        const auto same =
            std::find_if(pins.begin(), pins.end(), [&](const Pin& pin) { return pin.key == key_; });
        pin_ = same == pins.end() ? 0 : static_cast<std::size_t>(same - pins.begin());
        const NodeId known = peer_ && same != pins.end() ? peer_->id : NodeId{};
        key_ = pins[pin_].key;
        peer_ = PeerIdentity{pins[pin_].id.value_or(known), AccessRole::candidate};
    }
    return open_connected(
        context, zmq::socket_type::dealer, url,
        [&](zmq::socket_t& socket) -> Result<void> {
            // Nothing is queued for a candidate that is not there: it would be stale on arrival.
            socket.set(zmq::sockopt::immediate, true);
            if (gate.secured()) secure_client(socket, gate.own_keys(), key_);
            open_monitor(context, socket, kLinkEvents, monitor_);
            return {};
        },
        dealer_);
}

Result<void> LinkSockets::subscribe(zmq::context_t& context, Gate& gate, std::string_view publish_url,
                                    std::string_view heartbeat_url, const NodeId& own_id) {
    wanted_ = {
        Url::from(publish_url).value_or(Url{}), Url::from(heartbeat_url).value_or(Url{}), own_id, {}, {}};
    return open_subscriptions(context, gate);
}

Result<void> LinkSockets::open_subscriptions(zmq::context_t& context, Gate& gate) {
    publish_.close();
    heartbeat_.close();
    wanted_.key = key_;
    wanted_.peer = peer_;
    if (gate.secured() && !gate.ring().pinned(key_)) return {};
    const auto open = [&](const Url& url, std::initializer_list<std::string_view> topics, Socket& target) {
        return open_connected(
            context, zmq::socket_type::sub, url.view(),
            [&](zmq::socket_t& socket) -> Result<void> {
                for (const std::string_view topic : topics) socket.set(zmq::sockopt::subscribe, topic);
                if (gate.secured()) secure_client(socket, gate.own_keys(), key_);
                return {};
            },
            target);
    };
    auto subscribed = open(wanted_.publish, {correction_topic(wanted_.own_id), kRoundTopic}, publish_);
    if (!subscribed || wanted_.heartbeat.empty()) return subscribed;
    return open(wanted_.heartbeat, {kHeartbeatTopic}, heartbeat_);
}

bool LinkSockets::correct_subscriptions(zmq::context_t& context, Gate& gate, RawTime now) {
    if (wanted_.publish.empty() || (publish_ && wanted_.key == key_)) return false;
    if (const auto opened = open_subscriptions(context, gate); !opened) gate.note(opened.error(), now);
    return true;
}

void LinkSockets::close(int linger_ms) {
    dealer_.close(linger_ms);
    monitor_.close();
    publish_.close();
    heartbeat_.close();
    url_ = Url{};
    wanted_ = {};
    resting_ = false;
}

bool LinkSockets::reopen(zmq::context_t& context, Gate& gate, RawTime now) {
    const auto& pins = gate.ring().pins();
    key_ = pins[pin_].key;
    peer_.reset();
    const std::size_t tried = tried_;
    const auto opened = connect(context, gate, std::string(url_.view()), now);
    tried_ = tried;
    if (!opened) gate.note(opened.error(), now);
    return true;
}

/// Neither end says why: a server that has another key, and one that does not authorise ours, both just hang
/// up.
bool LinkSockets::refused(zmq::context_t& context, Gate& gate, RawTime now) {
    const auto& pins = gate.ring().pins();
    if (resting_ || pins.empty()) return false;
    if (++tried_ < pins.size()) {
        pin_ = (pin_ + 1) % pins.size();
        return reopen(context, gate, now);
    }
    resting_ = true;
    gate.note("the handshake with " + url_.str() + " fails: either its key is " +
                  (pins.size() == 1
                       ? "not the pinned one (wrong --server-key)"
                       : "none of the " + std::to_string(pins.size()) + " pinned ones (wrong --server-key)") +
                  ", or it has let in enough of our connections for now, or does not authorise our key (" +
                  gate.own_id().str() + ", " + gate.own_keys().public_key.str() +
                  "; berkeleyctl authorize); its log tells which",
              now);
    return false;
}

bool LinkSockets::on_event(const MonitorEvent& event, zmq::context_t& context, Gate& gate, RawTime now) {
    switch (event.type) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            tried_ = hung_up_ = 0;
            resting_ = false;
            return gate.secured() && correct_subscriptions(context, gate, now);
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            if (event.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
                gate.note(
                    url_.str() + (gate.secured()
                                      ? " runs without keys, and this node with keys: it is not trusted"
                                      : " asks for keys: --secret-key-file and --server-key are needed"),
                    now);
                return false;
            }
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            break;
        default:
            return false;
    }
    if (gate.secured()) return refused(context, gate, now);
    // A server with keys may see ours missing, and be gone, before it has said what it wants.
    if (++hung_up_ == kHangUps) {
        gate.note(url_.str() +
                      " hangs up amid the handshake: it asks for keys (--secret-key-file and --server-key "
                      "are needed), "
                      "has no room, or is no Berkeley node",
                  now);
    }
    return false;
}

bool LinkSockets::tend(zmq::context_t& context, Gate& gate, bool keys_changed, RawTime now) {
    if (!gate.secured() || url_.empty()) return false;
    const Keyring& ring = gate.ring();
    const auto& pins = ring.pins();
    const bool revoked = keys_changed && !ring.pinned(key_);
    const bool deaf = revoked || (keys_changed && publish_ && !ring.pinned(wanted_.key));
    if (deaf) {
        publish_.close();
        heartbeat_.close();
    }
    if (revoked) {
        dealer_.close();
        monitor_.close();
        peer_.reset();
        key_ = PublicKey{};
    }
    if (pins.empty()) return deaf;
    if (!revoked && !(resting_ && pins.size() > 1) && !(keys_changed && !dealer_)) return deaf;
    pin_ = (pin_ + 1) % pins.size();
    tried_ = 0;
    return reopen(context, gate, now);
}

}  // namespace berkeley
