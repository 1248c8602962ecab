// ZapHandler: answers libzmq's question whether a key may come in (ZeroMQ RFC 27, mechanism CURVE).
//
// It lives in the loop of its node and in no thread of its own, so it cannot die while the node goes on.
// Where it does not answer, libzmq lets nobody in: ZMQ_ZAP_ENFORCE_DOMAIN is set on every server socket. Whom
// it admits it names in the connection's metadata: User-Id (the node), Public-Key, and the number of the
// Admission. Who is not admitted gets 300, so that the client tries again later, and not 400, upon which
// libzmq's clients give up for good. Who is admitted is for its owner, the gate, to say.
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

    /// Takes the next request. A sound one waits for its answer; a malformed one has been refused.
    Request next();
    /// Of the request that was taken.
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

/// Options of a server socket: CURVE with this key, ZAP enforced. The error: it could not be enforced, so the
/// socket must not be used. May throw zmq::error_t.
[[nodiscard]] Result<void> secure_server(zmq::socket_t& socket, const KeyPair& own);
/// Options of a client socket: only the server that has this key. May throw zmq::error_t.
void secure_client(zmq::socket_t& socket, const KeyPair& own, const PublicKey& server);

}  // namespace berkeley
