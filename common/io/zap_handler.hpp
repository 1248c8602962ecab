// ZapHandler: answers libzmq's question whether a key may come in (ZeroMQ RFC 27, mechanism CURVE).
//
// It lives in the loop of its node and in no thread of its own, so it cannot die while the node goes on. Where
// it does not answer, libzmq lets nobody in: ZMQ_ZAP_ENFORCE_DOMAIN is set on every server socket.
// Whom it admits it names in the connection's metadata: User-Id (the node) and Public-Key. Who is not authorised
// gets 300, so that the client tries again later, and not 400, upon which libzmq's clients give up for good.
#pragma once

#include <optional>
#include <string>

#include "io/keyring.hpp"
#include "io/zmq_socket.hpp"

namespace berkeley {

class ZapHandler {
public:
    struct Refusal {
        PublicKey key;
        std::string address;
    };
    enum class Served : std::uint8_t { nothing, admitted, refused, malformed };

    /// Throws zmq::error_t: this context has another handler.
    explicit ZapHandler(zmq::context_t& context);

    /// One request, where there is one.
    Served serve(const Keyring& ring);
    /// Of the last one refused.
    const Refusal& refusal() const { return refusal_; }
    Socket& socket() { return socket_; }

    static constexpr const char* kKeyProperty = "Public-Key";

private:
    Socket socket_;
    Refusal refusal_;
};

/// Options of a server socket: CURVE with this key, ZAP enforced. The error: it could not be enforced, so the
/// socket must not be used. May throw zmq::error_t.
[[nodiscard]] Result<void> secure_server(zmq::socket_t& socket, const KeyPair& own);
/// Options of a client socket: only the server that has this key. May throw zmq::error_t.
void secure_client(zmq::socket_t& socket, const KeyPair& own, const PublicKey& server);

}  // namespace berkeley
