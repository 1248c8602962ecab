#include "net/tried_socket.hpp"

#include <string>
#include <utility>

#include "net/self_connection.hpp"

namespace berkeley {
namespace {

constexpr int kEvents = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED |
                        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

}  // namespace

Result<void> TriedSocket::open(const LinkContext& with, std::string_view url, Prepared prepare,
                               const TriedSocket* guide) {
    const auto endpoint = parse_endpoint(url, EndpointUse::connect);
    if (!endpoint) return failure(endpoint.error());
    prepare_ = std::move(prepare);
    const bool again = url_.view() == url && name_;
    url_ = Url::from(url).value_or(Url{});
    endpoint_ = *endpoint;
    if (endpoint_.scheme != Scheme::tcp || is_numeric(endpoint_.host)) {
        name_.reset();
        trial_ = {};
        return reopen(with);
    }
    if (!again) {
        name_ = with.names.find(endpoint_.host);
        trial_ = {};
    }
    leads_ = !led_by(guide);
    const Address& preferred = leads_ ? name_->worked() : guide->address();
    static_cast<void>(trial_.offer(name_->addresses(), preferred, with.now));
    if (again) {
        static_cast<void>(trial_.on_silent(with.now));
        if (!leads_ && guide->trial_.established()) static_cast<void>(trial_.move_to(preferred, with.now));
    }
    if (again || trial_.current().empty()) {
        name_->want();
        with.names.tend(with.now);
    }
    return reopen(with);
}

Result<void> TriedSocket::reopen(const LinkContext& with) {
    socket_.close();
    monitor_.close();
    connected_ = given_up_ = false;
    Endpoint to = endpoint_;
    if (name_) {
        trial_.restart(with.now);
        if (trial_.current().empty()) return {};  // tend() connects when the name has one
        to.host = trial_.current();
    }
    return open_connected(
        with.context, type_, to.url(),
        [&](zmq::socket_t& socket) -> Result<void> {
            if (const auto prepared = prepare_(socket); !prepared) return prepared;
            open_monitor(with.context, socket, kEvents, monitor_);
            return {};
        },
        socket_);
}

void TriedSocket::close(int linger_ms) {
    socket_.close(linger_ms);
    monitor_.close();
    connected_ = given_up_ = false;
    url_ = Url{};
    name_.reset();
    trial_ = {};
}

bool TriedSocket::moved(bool to_another, const LinkContext& with) {
    if (!to_another) return false;
    if (const auto opened = reopen(with); !opened) with.gate.note(opened.error(), with.now);
    return true;
}

bool TriedSocket::on_event(const MonitorEvent& event, const LinkContext& with) {
    switch (event.type) {
        case ZMQ_EVENT_CONNECTED:
            // libzmq's thread may have found out meanwhile, and given up for good.
            if (part_from_itself(static_cast<int>(event.value))) {
                with.gate.drops().count(Drop::self_connection);
                return moved(true, with);
            }
            break;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            connected_ = true;
            break;
        case ZMQ_EVENT_DISCONNECTED:
            connected_ = false;
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            given_up_ = type_ == zmq::socket_type::sub;  // the owner of a DEALER notices that it is silent
            break;
        default:
            break;
    }
    return name_ && on_address_event(event, with);
}

bool TriedSocket::on_address_event(const MonitorEvent& event, const LinkContext& with) {
    switch (event.type) {
        case ZMQ_EVENT_CONNECTED:
            trial_.on_connected();
            return false;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            trial_.on_established();
            if (leads_) name_->works_at(trial_.current());
            return false;
        case ZMQ_EVENT_CONNECT_RETRIED:
            return moved(trial_.on_refused(with.now), with);
        case ZMQ_EVENT_DISCONNECTED:
            return moved(trial_.on_lost(with.now), with);
        default:
            return false;
    }
}

bool TriedSocket::tend(const LinkContext& with) {
    if (given_up_) return moved(true, with);
    if (!name_ || trial_.established()) return false;
    name_->want();
    const bool offered = trial_.offer(name_->addresses(), name_->worked(), with.now);
    return moved(offered || trial_.on_time(with.now), with);
}

bool TriedSocket::follow(const TriedSocket& guide, const LinkContext& with) {
    if (!name_ || !led_by(&guide)) return false;
    const bool offered = trial_.offer(name_->addresses(), guide.address(), with.now);
    return moved(trial_.move_to(guide.address(), with.now) || offered, with);
}

bool TriedSocket::next_address(const LinkContext& with) {
    return name_ && moved(trial_.next(with.now), with);
}

}  // namespace berkeley
