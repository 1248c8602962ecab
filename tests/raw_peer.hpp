// A socket of libzmq's with a key and without manners, and what becomes of its connection.
#pragma once

#include <string>
#include <string_view>

#include <zmq.hpp>

#include "net/tcp_bytes.hpp"
#include "net/zap_handler.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

class RawPeer {
public:
    RawPeer(zmq::socket_type type, const KeyPair& own, const PublicKey& server, const std::string& url,
            int receive_limit = 1000)
        : socket_(context_, type) {
        socket_.set(zmq::sockopt::linger, 0);
        socket_.set(zmq::sockopt::rcvhwm, receive_limit);
        if (type == zmq::socket_type::sub) socket_.set(zmq::sockopt::subscribe, "");
        secure_client(socket_, own, server);
        open_monitor(context_, socket_, kEvents, monitor_);
        socket_.connect(url);
    }
    bool send(std::string_view data, bool more = false) {
        const auto flags =
            zmq::send_flags::dontwait | (more ? zmq::send_flags::sndmore : zmq::send_flags::none);
        return socket_.send(zmq::buffer(data), flags).has_value();
    }
    bool receive(std::string& data) {
        zmq::message_t frame;
        if (receive_frame(socket_, frame) < 0) return false;
        data = frame.to_string();
        return true;
    }
    /// How often so far: handshakes that succeeded, and ends of what was a connection at least of TCP.
    int connected() { return count(connected_); }
    int disconnected() { return count(disconnected_); }
    /// What its newest connection has carried; nothing where there was none yet.
    TcpBytes bytes() { return tcp_bytes(count(fd_)).value_or(TcpBytes{}); }

private:
    static constexpr int kEvents =
        ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;

    int count(const int& which) {
        for (MonitorEvent event; next_event(monitor_, event);) {
            if (event.type == ZMQ_EVENT_CONNECTED) fd_ = static_cast<int>(event.value);
            if (event.type == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) ++connected_;
            if (event.type == ZMQ_EVENT_DISCONNECTED) ++disconnected_;
        }
        return which;
    }
    zmq::context_t context_;
    zmq::socket_t socket_;
    Socket monitor_;
    int fd_ = -1;
    int connected_ = 0;
    int disconnected_ = 0;
};

}  // namespace berkeley
