// Bare libzmq, as the product is compared with it: a ROUTER here, a DEALER at the peer, and nothing
// else. No codec, no time-stamps, no deadlines. Not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/zmq_socket.hpp"

namespace berkeley::bench {

using Bytes = std::vector<std::byte>;

class BareRouter {
public:
    [[nodiscard]] Result<Url> bind(std::string_view url);
    /// The peer's first message is empty: it brings its routing id.
    [[nodiscard]] bool await_greeting(Duration patience);

    bool send(const Bytes& route, std::span<const std::byte> payload);
    /// False: nothing came in time. Else route() and payload() are the message's.
    bool receive(Duration patience);
    Bytes route() const { return {route_.data<std::byte>(), route_.data<std::byte>() + route_.size()}; }
    std::span<const std::byte> payload() const { return {payload_.data<std::byte>(), payload_.size()}; }
    /// When there was something to receive.
    TrueTime received_at() const { return received_at_; }

    zmq::context_t& context() { return context_; }

private:
    zmq::context_t context_{1};
    Socket router_;
    zmq::message_t route_;
    zmq::message_t payload_;
    TrueTime received_at_{};
};

/// Greets, and answers each message with what `answer` makes of it and of the time of its
/// reception, until the context ends.
using Answer = std::function<std::span<const std::byte>(std::span<const std::byte> request, TrueTime at)>;
void serve(zmq::context_t& context, std::string_view url, const Answer& answer);

/// An answer of as many bytes as a REPLY has. Both begin with a number, which comes back: so an
/// answer that comes too late is known.
Answer echo();
void number(Bytes& payload, std::uint64_t value);
std::uint64_t number_of(std::span<const std::byte> payload);

std::string libzmq_version();

}  // namespace berkeley::bench
