// ZapHandler: answers libzmq's question whether a key may come in (ZeroMQ RFC 27, mechanism CURVE).
//
// The handler lives in the loop of its node and in no thread of its own, so it cannot die while the node goes
// on. Without its answer libzmq lets nobody in: ZMQ_ZAP_ENFORCE_DOMAIN is set on every server socket. The
// handler names each peer that it admits in the metadata of the connection: User-Id (the node), Public-Key,
// and the number of the Admission. A peer that is refused gets 300, so that the client tries again later;
// after a 400 libzmq's clients give up for good. The gate, its owner, decides.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "keys/keyring.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley {

class ZapHandler {
public:
    enum class Request : std::uint8_t { none, malformed, sound };

    /// Throws zmq::error_t: this context has another handler.
    explicit ZapHandler(zmq::context_t& context);

    /// Takes the next request. A sound one waits for its answer; a malformed one is refused at once.
    Request next();
    /// Of the request that was taken; the address without its port.
    const PublicKey& key() const { return key_; }
    const std::string& address() const { return address_; }
    void admit(const PeerIdentity& who);
    void refuse(std::string_view why);
    Socket& socket() { return socket_; }

    /// The number that the next admission will have.
    std::uint64_t next_admission() const { return next_admission_; }

    static constexpr const char* kKeyProperty = "Public-Key";
    static constexpr const char* kAdmissionProperty = "Admission";

private:
    void answer(std::string_view code, std::string_view text, std::string_view user,
                std::string_view metadata);

    Socket socket_;
    std::string request_id_;
    PublicKey key_;
    std::string address_;
    std::uint64_t next_admission_ = 1;
};

/// Sets the options of a server socket: CURVE with this key, ZAP enforced. The error: it cannot be enforced,
/// and the socket must not be used. May throw zmq::error_t.
[[nodiscard]] Result<void> secure_server(zmq::socket_t& socket, const KeyPair& own);
/// Sets the options of a client socket: it talks to the server with this key only. May throw zmq::error_t.
void secure_client(zmq::socket_t& socket, const KeyPair& own, const PublicKey& server);

}  // namespace berkeley
