// Transport::Impl: what a Transport is made of. For transport.cpp and transport_receive.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "net/bound_sockets.hpp"
#include "net/gate.hpp"
#include "net/link_sockets.hpp"
#include "net/names.hpp"
#include "net/poll_set.hpp"
#include "net/transport.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

/// A socket of the poll set, and how what it brings is handled.
struct Slot {
    enum class Kind : std::uint8_t { messages, subscriptions, handshakes, bound_events, link_events };

    Socket* socket;
    Kind kind;
    Source source = Source::router;
    Link link = 0;
    BoundSocket bound = BoundSocket::poll;
    std::size_t left = 0;  ///< of its share in this poll()
    bool news = false;     ///< its descriptor has become readable
};

struct Pending {
    zmq::message_t payload;
    RawTime received_at{};
    std::optional<PeerIdentity> peer;
    Route route = 0;
    Source source = Source::router;
    Link link = 0;
    bool cancelled = false;
};

struct Transport::Impl {
    RawSource clock;
    PollSet poll_set;
    std::shared_ptr<zmq::context_t> context;
    std::optional<Gate> gate;
    Names names;
    BoundSockets bound;
    std::array<LinkSockets, kMaxLinks> links;
    RawTime links_due = RawTime::max();  ///< when the address of one may have to change

    std::vector<Slot> slots;
    bool slots_stale = true;  ///< sockets came or went, so slots and poll set are made anew

    std::array<Pending, kMaxReceivePerPoll> pending;
    std::size_t pending_next = 0;
    std::size_t pending_end = 0;
    zmq::message_t current;  ///< keeps the payload of the last receive() alive

    Socket& router() { return bound.socket(BoundSocket::poll); }
    Socket& publisher(Channel channel) {
        return bound.socket(channel == Channel::publish ? BoundSocket::publish : BoundSocket::heartbeat);
    }
    void count(Drop drop) { gate->drops().count(drop); }

    Result<Url> bind(BoundSocket which, std::string_view url);
    void cancel_pending(Link link, bool dealer, bool subscriptions);
    Sent send_payload(Socket& socket, Encoded& message);
    SendOutcome failed_send(int error);
    void tend_links(bool keys_changed);

    LinkContext link_context() { return {*context, *gate, names, clock.now()}; }
    void tend_addresses();
    void tend_addresses_when_due();

    void rebuild_slots();
    bool gather(RawTime deadline, Wake& wake);

private:
    void finish(RawTime deadline, Wake& wake);
    void look(Slot& slot);
    void drain(Slot& slot);
    void serve(Slot& slot);
    bool serve_one(Slot& slot);
    bool receive_message(const Slot& slot, Pending& entry);
    bool finish_surplus(Socket& socket);
};

}  // namespace berkeley
