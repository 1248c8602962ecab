// TriedSocket: a socket that connects to one URL, and where that has a name, to one of its addresses after
// the other until somebody answers. The URL of an address is connected to by libzmq alone. Not thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/endpoint.hpp"
#include "net/address_trial.hpp"
#include "net/gate.hpp"
#include "net/names.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

/// What a link works with.
struct LinkContext {
    zmq::context_t& context;
    Gate& gate;
    Names& names;
    RawTime now;
};

class TriedSocket {
public:
    /// Sets keys and topics of each new socket. May throw zmq::error_t.
    using Prepared = std::function<Result<void>(zmq::socket_t&)>;

    explicit TriedSocket(zmq::socket_type type) : type_(type) {}

    Socket& socket() { return socket_; }
    Socket& monitor() { return monitor_; }

    /// Connects with a new socket. The same URL once more: its address was silent, so the next one has its
    /// turn. `guide` is another socket of the link: at the same host its address is preferred.
    [[nodiscard]] Result<void> open(const LinkContext& with, std::string_view url, Prepared prepare,
                                    const TriedSocket* guide = nullptr);
    /// With a new socket, at the same address.
    [[nodiscard]] Result<void> reopen(const LinkContext& with);
    void close(int linger_ms = 0);
    bool is_open() const { return !url_.empty(); }
    /// The handshake has succeeded and the connection stands.
    bool is_connected() const { return connected_; }

    /// Where it connects to now; empty: to no name, or to one without an address yet.
    const Address& address() const { return trial_.current(); }
    bool several_addresses() const { return trial_.several(); }
    RawTime due() const { return name_ ? trial_.due() : RawTime::max(); }

    // Each returns true where the socket is a new one.

    bool on_event(const MonitorEvent& event, const LinkContext& with);
    /// To be called when due(), when a look-up has ended, and once a second.
    bool tend(const LinkContext& with);
    /// The guide has moved.
    bool follow(const TriedSocket& guide, const LinkContext& with);
    bool next_address(const LinkContext& with);

private:
    bool led_by(const TriedSocket* guide) const { return guide != nullptr && guide->name_ == name_; }
    bool moved(bool to_another, const LinkContext& with);
    bool on_address_event(const MonitorEvent& event, const LinkContext& with);

    zmq::socket_type type_;
    Socket socket_;
    Socket monitor_;
    Url url_;
    Endpoint endpoint_;
    Prepared prepare_;
    std::shared_ptr<HostName> name_;  ///< null: the URL has none
    bool connected_ = false;
    bool given_up_ = false;  ///< libzmq does not connect again after a protocol error
    bool leads_ = true;      ///< no guide is at the same host
    AddressTrial trial_;
};

}  // namespace berkeley
