#include "net/link_sockets.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "wire/codec.hpp"

namespace berkeley {
namespace {

/// So often in a row is no accident.
constexpr std::size_t kHangUps = 3;
/// An endpoint of a candidate that answers counts as unreached after this.
constexpr Duration kUnreached = std::chrono::seconds{3};

}  // namespace

Result<void> LinkSockets::connect(const LinkContext& with, std::string_view url) {
    url_ = Url::from(url).value_or(Url{});
    whole_at_ = with.now;
    tried_ = 0;
    resting_ = false;
    const Gate& gate = with.gate;
    if (gate.secured()) {
        const auto& pins = gate.ring().pins();
        if (pins.empty()) {
            dealer_.close();
            with.gate.note("not connecting to " + url_.str() +
                               ": no server key is pinned; --server-key or a candidate in "
                               "--authorized-keys is needed",
                           with.now);
            return {};
        }
        // The same key as before, where it is still there.
        const auto same =
            std::find_if(pins.begin(), pins.end(), [&](const Pin& pin) { return pin.key == key_; });
        pin_ = same == pins.end() ? 0 : static_cast<std::size_t>(same - pins.begin());
        use_pin(gate, peer_ && same != pins.end() ? peer_->id : NodeId{});
    }
    return dealer_.open(with, url, [this, &gate](zmq::socket_t& socket) -> Result<void> {
        // Nothing is queued for a candidate that is not there: it would be stale on arrival.
        socket.set(zmq::sockopt::immediate, true);
        if (gate.secured()) secure_client(socket, gate.own_keys(), key_);
        return {};
    });
}

void LinkSockets::use_pin(const Gate& gate, const NodeId& known) {
    const Pin& pin = gate.ring().pins()[pin_];
    key_ = pin.key;
    peer_ = PeerIdentity{pin.id.value_or(known), AccessRole::candidate};
}

Result<void> LinkSockets::subscribe(const LinkContext& with, std::string_view publish_url,
                                    std::string_view heartbeat_url, const NodeId& own_id) {
    whole_at_ = with.now;
    if (publish_url.empty()) {
        wanted_.heartbeat = Url::from(heartbeat_url).value_or(Url{});
        return may_subscribe(with) ? open_heartbeat(with) : Result<void>{};
    }
    wanted_ = {
        Url::from(publish_url).value_or(Url{}), Url::from(heartbeat_url).value_or(Url{}), own_id, {}, {}};
    return open_subscriptions(with);
}

bool LinkSockets::may_subscribe(const LinkContext& with) const {
    return !with.gate.secured() || with.gate.ring().pinned(key_);
}

Result<void> LinkSockets::open_subscriptions(const LinkContext& with) {
    wanted_.key = key_;
    wanted_.peer = peer_;
    if (!may_subscribe(with)) {
        close_subscriptions();
        return {};
    }
    const auto subscribed = open_subscription(with, publish_, wanted_.publish,
                                              {correction_topic(wanted_.own_id), std::string(kRoundTopic)});
    return subscribed ? open_heartbeat(with) : subscribed;
}

Result<void> LinkSockets::open_heartbeat(const LinkContext& with) {
    if (wanted_.heartbeat.empty()) {
        heartbeat_.close();
        return {};
    }
    return open_subscription(with, heartbeat_, wanted_.heartbeat, {std::string(kHeartbeatTopic)});
}

Result<void> LinkSockets::open_subscription(const LinkContext& with, TriedSocket& socket, const Url& url,
                                            std::vector<std::string> topics) {
    const Gate& gate = with.gate;
    const auto prepare = [this, &gate, topics = std::move(topics)](zmq::socket_t& made) -> Result<void> {
        for (const std::string& topic : topics) made.set(zmq::sockopt::subscribe, topic);
        if (gate.secured()) secure_client(made, gate.own_keys(), wanted_.key);
        return {};
    };
    return socket.open(with, url.view(), prepare, &dealer_);
}

bool LinkSockets::correct_subscriptions(const LinkContext& with) {
    if (wanted_.publish.empty() || (publish_.is_open() && wanted_.key == key_)) return false;
    if (const auto opened = open_subscriptions(with); !opened) with.gate.note(opened.error(), with.now);
    return true;
}

void LinkSockets::close_subscriptions(int linger_ms) {
    publish_.close(linger_ms);
    heartbeat_.close(linger_ms);
}

void LinkSockets::close(int linger_ms) {
    dealer_.close(linger_ms);
    close_subscriptions(linger_ms);
    url_ = Url{};
    wanted_ = {};
    resting_ = false;
    answered_at_.clear();
}

bool LinkSockets::reopen(const LinkContext& with) {
    use_pin(with.gate, NodeId{});
    // The DEALER was closed where its key was taken away.
    const auto opened = dealer_.is_open() ? dealer_.reopen(with) : connect(with, std::string(url_.view()));
    if (!opened) with.gate.note(opened.error(), with.now);
    return true;
}

/// Neither end says why: a server that has another key, and one that does not authorise ours, both just hang
/// up.
bool LinkSockets::refused(const LinkContext& with) {
    const Gate& gate = with.gate;
    const auto& pins = gate.ring().pins();
    if (resting_ || pins.empty()) return false;
    if (++tried_ < pins.size()) {
        pin_ = (pin_ + 1) % pins.size();
        return reopen(with);
    }
    resting_ = true;
    with.gate.note(
        "the handshake with " + url_.str() + " fails: either its key is " +
            (pins.size() == 1
                 ? "not the pinned one (wrong --server-key)"
                 : "none of the " + std::to_string(pins.size()) + " pinned ones (wrong --server-key)") +
            ", or it has let in enough of our connections for now, or does not authorise our key (" +
            gate.own_id().str() + ", " + gate.own_keys().public_key.str() +
            "; berkeleyctl authorize); its log tells which",
        with.now);
    return false;
}

bool LinkSockets::on_event(Source source, const MonitorEvent& event, const LinkContext& with) {
    TriedSocket& socket = of(source);
    bool renewed = false;
    if (source == Source::dealer) renewed = on_dealer_event(event, with);
    // A new socket has nothing to do with what the old one has met.
    return renewed || on_address_event(socket, event, with);
}

bool LinkSockets::on_address_event(TriedSocket& socket, const MonitorEvent& event, const LinkContext& with) {
    if (socket.on_event(event, with)) {
        if (&socket == &dealer_) begin_pins();
        return true;
    }
    if (&socket != &dealer_ || event.type != ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return false;
    const bool moved = !answered_at_.empty() && answered_at_ != dealer_.address();
    answered_at_ = dealer_.address();
    if (!moved) return false;
    const bool publish = publish_.follow(dealer_, with);
    return heartbeat_.follow(dealer_, with) || publish;
}

bool LinkSockets::on_dealer_event(const MonitorEvent& event, const LinkContext& with) {
    Gate& gate = with.gate;
    switch (event.type) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            hung_up_ = 0;
            begin_pins();
            return gate.secured() && correct_subscriptions(with);
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            if (event.value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) {
                gate.note(
                    url_.str() + (gate.secured()
                                      ? " runs without keys, and this node with keys: it is not trusted"
                                      : " asks for keys: --secret-key-file and --server-key are needed"),
                    with.now);
                return false;
            }
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            break;
        default:
            return false;
    }
    if (gate.secured()) return refused(with);
    // A server with keys may see ours missing, and be gone, before it has said what it wants.
    if (++hung_up_ == kHangUps) {
        gate.note(url_.str() +
                      " hangs up amid the handshake: it asks for keys (--secret-key-file and --server-key "
                      "are needed), has no room, or is no Berkeley node",
                  with.now);
    }
    return false;
}

/// A candidate that does not lead publishes nothing, so only its connections show whether its endpoints can
/// be reached once it does.
void LinkSockets::note_unreached(const LinkContext& with) {
    const auto waits = [](const TriedSocket& socket) { return socket.is_open() && !socket.is_connected(); };
    if (!dealer_.is_connected() || (!waits(publish_) && !waits(heartbeat_))) {
        whole_at_ = with.now;
        return;
    }
    if (with.now - whole_at_ < kUnreached) return;
    for (const auto& [socket, name, url] : {std::tuple{&publish_, "publish", &wanted_.publish},
                                            {&heartbeat_, "heartbeat", &wanted_.heartbeat}}) {
        if (!waits(*socket)) continue;
        with.gate.note("no connection to the " + std::string(name) + " endpoint " + url->str() +
                           ", though its candidate answers at " + url_.str() +
                           ": does a firewall close that port, or does the URL lead elsewhere?",
                       with.now);
    }
}

bool LinkSockets::tend_addresses(const LinkContext& with) {
    note_unreached(with);
    const bool dealer = dealer_.tend(with);
    if (dealer) begin_pins();
    const bool publish = publish_.tend(with);
    return heartbeat_.tend(with) || publish || dealer;
}

bool LinkSockets::tend_keys(const LinkContext& with, bool keys_changed) {
    const Gate& gate = with.gate;
    if (!gate.secured() || url_.empty()) return false;
    const Keyring& ring = gate.ring();
    const auto& pins = ring.pins();
    const bool revoked = keys_changed && !ring.pinned(key_);
    const bool deaf = revoked || (keys_changed && publish_.is_open() && !ring.pinned(wanted_.key));
    if (deaf) close_subscriptions();
    if (revoked) {
        dealer_.close();
        peer_.reset();
        key_ = PublicKey{};
    }
    if (pins.empty()) return deaf;
    const bool all_refused = resting_ && (pins.size() > 1 || dealer_.several_addresses());
    if (!revoked && !all_refused && !(keys_changed && !dealer_.is_open())) return deaf;
    pin_ = (pin_ + 1) % pins.size();
    begin_pins();
    if (all_refused && dealer_.next_address(with)) return true;
    return reopen(with);
}

}  // namespace berkeley
