// A transport with keys, its directory of authorised ones, and peers of all kinds that speak to it in one
// thread.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/endpoint.hpp"
#include "net/gate.hpp"
#include "net/transport.hpp"
#include "net/zap_handler.hpp"
#include "tests/raw_peer.hpp"
#include "tests/unit/temporary_directory.hpp"
#include "tests/unit/transport_words.hpp"

namespace berkeley {

/// Waits for it while no transport works.
inline bool happens(const std::function<bool()>& holds) {
    const RawTime end = kClock.now() + kPatience;
    while (kClock.now() < end) {
        if (holds()) return true;
        std::this_thread::yield();
    }
    return false;
}

/// For what is no client of libzmq's.
inline sockaddr_in loopback(const Url& url) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(parse_endpoint(url.view(), EndpointUse::connect)->port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

class SecureTransportTest : public ::testing::Test {
protected:
    SecureTransportTest() {
        ::chmod(directory_.path().c_str(), 0755);
        authorize("m1", m1_, AccessRole::candidate);
        authorize("s1", s1_, AccessRole::slave);
        serve({.messages = {1000, 100}});
    }

    /// Anew, with these limits.
    void serve(const PeerLimits& limits) {
        TransportOptions options{kClock};
        options.peer_limits = limits;
        keys_ = KeyDirectory::open(directory_.path(), {}, m1_.public_key).value();
        options.credentials = Credentials{node_id("m1"), m1_, *keys_};
        master_ = Transport::create(options).value();
        poll_ = *master_->bind_poll("tcp://127.0.0.1:0");
        publish_ = *master_->bind_publish(Channel::publish, "tcp://127.0.0.1:0");
        heartbeat_ = *master_->bind_publish(Channel::heartbeat, "tcp://127.0.0.1:0");
    }

    void authorize(const std::string& id, const KeyPair& pair, AccessRole role,
                   const std::string& suffix = "") {
        std::ofstream(directory_.path() / ".draft") << key_card_text({pair.public_key, node_id(id), role});
        std::filesystem::rename(directory_.path() / ".draft", directory_.path() / (id + suffix + ".key"));
    }
    /// What a node does when its directory of keys may have changed.
    static void reread(KeyDirectory& keys, Transport& transport) {
        keys.read(KeyDirectory::Thoroughness::everything);
        transport.adopt(keys.ring());
        transport.tend();
    }
    void reread() { reread(*keys_, *master_); }
    void revoke(const std::string& file) { std::filesystem::remove(directory_.path() / (file + ".key")); }

    /// Trusts these servers' keys.
    static std::unique_ptr<Transport> client(const std::string& id, const KeyPair& own,
                                             std::vector<Pin> pins) {
        TransportOptions options{kClock};
        options.credentials =
            Credentials{node_id(id), own, KeyDirectory::open({}, std::move(pins), own.public_key).value()};
        return Transport::create(options).value();
    }
    std::unique_ptr<Transport> client(const std::string& id, const KeyPair& own) {
        return client(id, own, {{m1_.public_key, node_id("m1")}});
    }
    static std::unique_ptr<Transport> plain() { return Transport::create({kClock}).value(); }

    /// Both sides work until the condition holds.
    bool until(Transport& peer, const std::function<bool()>& holds) {
        const RawTime end = kClock.now() + kPatience;
        while (kClock.now() < end) {
            if (holds()) return true;
            work(peer);
        }
        return false;
    }
    void work(Transport& peer) {
        peer.wait(1ms);
        work();
        for (const std::string& note : peer.take_notes()) peer_notes_ += note + "\n";
    }
    bool until(const std::function<bool()>& holds) {
        const RawTime end = kClock.now() + kPatience;
        for (; kClock.now() < end; work()) {
            if (holds()) return true;
        }
        return false;
    }
    void work() {
        master_->wait(1ms);
        Inbound in;
        while (master_->receive(in)) heard_.push_back({text(in), in.peer, in.route});
        for (const DroppedEvent& drop : master_->take_drops()) drops_[std::string(drop.reason)] += drop.count;
        for (const std::string& note : master_->take_notes()) notes_ += note + "\n";
    }
    /// The peer says it again and again until the master has heard it.
    bool speaks(Transport& peer, const std::string& word) {
        heard_.clear();
        return until(peer, [&] {
            Encoded message = encoded(word);
            static_cast<void>(peer.send(Link{0}, message));
            return std::any_of(heard_.begin(), heard_.end(), [&](const Heard& h) { return h.text == word; });
        });
    }
    RawPeer raw(zmq::socket_type type, const KeyPair& own, const Url& url) {
        return {type, own, m1_.public_key, url.str()};
    }
    bool sound() {
        const auto honest = client("s1", s1_);
        return honest->connect_link(0, poll_.view()).has_value() && speaks(*honest, "honest");
    }

    struct Heard {
        std::string text;
        std::optional<PeerIdentity> peer;
        Route route;
    };
    TemporaryDirectory directory_;
    const KeyPair m1_ = *generate_keys();
    const KeyPair s1_ = *generate_keys();
    const KeyPair stranger_ = *generate_keys();
    std::optional<KeyDirectory> keys_;  ///< the master's
    std::unique_ptr<Transport> master_;
    Url poll_;
    Url publish_;
    Url heartbeat_;
    std::vector<Heard> heard_;
    std::map<std::string, std::uint64_t> drops_;
    std::string notes_;
    std::string peer_notes_;
};

}  // namespace berkeley
