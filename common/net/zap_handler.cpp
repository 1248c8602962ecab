#include "net/zap_handler.hpp"

#include <array>
#include <cstring>

#include "net/peer_address.hpp"

namespace berkeley {
namespace {

constexpr std::string_view kVersion = "1.0";
constexpr std::string_view kDomain = "berkeley";
/// Not in the header of libzmq 4.3, which has the option: it is marked as a draft there and works in all
/// builds.
constexpr int kZapEnforceDomain = 93;

/// version, request id, domain, address, routing id, mechanism, key
constexpr std::size_t kRequestFrames = 7;
enum Frame : std::size_t {
    kFrameVersion,
    kFrameRequest,
    kFrameDomain,
    kFrameAddress,
    kFrameRoutingId,
    kFrameMechanism,
    kFrameKey
};

/// A property of ZMTP metadata: name with a length of one byte, value with one of four.
std::string property(std::string_view name, std::string_view value) {
    std::string text(1, static_cast<char>(name.size()));
    text += name;
    for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(value.size() >> shift & 0xff);
    text += value;
    return text;
}

std::optional<PublicKey> key_of(std::string_view bytes) {
    std::array<char, kKeyTextBytes + 1> text{};
    if (bytes.size() != 32 || zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                             bytes.size()) == nullptr) {
        return std::nullopt;
    }
    return PublicKey::from(text.data());
}

}  // namespace

ZapHandler::ZapHandler(zmq::context_t& context) : socket_{zmq::socket_t(context, zmq::socket_type::rep)} {
    socket_.socket.set(zmq::sockopt::linger, 0);
    socket_.socket.bind("inproc://zeromq.zap.01");
}

ZapHandler::Request ZapHandler::next() {
    std::array<std::string, kRequestFrames> request;
    std::size_t frames = 0;
    for (bool more = true; more; ++frames) {
        zmq::message_t frame;
        if (receive_frame(socket_.socket, frame) < 0) return Request::none;
        if (frames < request.size())
            request[frames].assign(static_cast<const char*>(frame.data()), frame.size());
        more = frame.more();
    }
    const bool sound = frames == kRequestFrames && request[kFrameVersion] == kVersion &&
                       request[kFrameDomain] == kDomain && request[kFrameMechanism] == "CURVE";
    const auto key = sound ? key_of(request[kFrameKey]) : std::nullopt;
    request_id_ = request[kFrameRequest];
    if (!key) {
        refuse("no key");
        return Request::malformed;
    }
    key_ = *key;
    address_ = plain_address(request[kFrameAddress]).substr(0, 64);
    return Request::sound;
}

void ZapHandler::admit(const PeerIdentity& who) {
    answer("200", "OK", who.id.view(),
           property(kKeyProperty, key_.view()) +
               property(kAdmissionProperty, std::to_string(next_admission_++)));
}

void ZapHandler::refuse(std::string_view why) { answer("300", why, {}, {}); }

void ZapHandler::answer(std::string_view code, std::string_view text, std::string_view user,
                        std::string_view metadata) {
    for (const std::string_view frame : {kVersion, std::string_view(request_id_), code, text, user}) {
        send_frame(socket_.socket, frame.data(), frame.size(), ZMQ_SNDMORE);
    }
    send_frame(socket_.socket, metadata.data(), metadata.size(), 0);
}

Result<void> secure_server(zmq::socket_t& socket, const KeyPair& own) {
    const int on = 1;
    int enforced = 0;
    std::size_t size = sizeof enforced;
    if (zmq_setsockopt(socket.handle(), kZapEnforceDomain, &on, sizeof on) != 0 ||
        zmq_getsockopt(socket.handle(), kZapEnforceDomain, &enforced, &size) != 0 || enforced != 1) {
        return failure(
            "this libzmq cannot be made to enforce authentication (ZMQ_ZAP_ENFORCE_DOMAIN): 4.3 or later is "
            "needed");
    }
    socket.set(zmq::sockopt::zap_domain, std::string(kDomain));
    socket.set(zmq::sockopt::curve_server, true);
    socket.set(zmq::sockopt::curve_secretkey, own.secret_key.c_str());
    return {};
}

void secure_client(zmq::socket_t& socket, const KeyPair& own, const PublicKey& server) {
    socket.set(zmq::sockopt::curve_serverkey, server.str());
    socket.set(zmq::sockopt::curve_publickey, own.public_key.str());
    socket.set(zmq::sockopt::curve_secretkey, own.secret_key.c_str());
}

}  // namespace berkeley
