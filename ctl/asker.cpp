#include "ctl/asker.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/duration_text.hpp"
#include "wire/codec.hpp"

namespace berkeley::ctl {

namespace {

/// A lost request is asked again so often within the timeout.
constexpr int kAttempts = 4;

RawTime read_clock(const void* clock) { return static_cast<const OsClock*>(clock)->now(); }

}  // namespace

Result<void> Asker::connect() {
    TransportOptions options;
    options.clock = {read_clock, &clock_};
    options.credentials = target_.credentials;
    auto transport = Transport::create(options);
    if (!transport) return failure(transport.error());
    transport_ = std::move(*transport);
    return transport_->connect_link(0, target_.poll);
}

Result<Message> Asker::ask(const Body& question, const std::function<bool(const Message&)>& fits) {
    const NodeId self =
        target_.credentials ? target_.credentials->id : node_id("ctl-" + std::to_string(getpid()));
    Encoded encoded;
    encode({{target_.cluster, self, 0}, question}, encoded);
    Message answer;
    const RawTime end = clock_.now() + target_.timeout;
    for (RawTime now = clock_.now(); now < end; now = clock_.now()) {
        // Until the connection stands a send is refused; then it is tried again soon.
        const bool sent = transport_->send(Link{0}, encoded).ok();
        const Duration wait = sent ? target_.timeout / kAttempts : std::chrono::milliseconds{5};
        if (await(fits, std::min(end, now + wait), answer)) return answer;
    }
    // Why the handshake failed, where it did.
    for (const std::string& line : transport_->take_notes()) return failure("no answer from " + target_.poll + ": " + line);
    return failure("no answer from " + target_.poll + " within " + duration_text(target_.timeout) +
                   (foreign_ ? ": it answers for another cluster, see --cluster"
                             : ": is a master or standby of cluster '" + target_.cluster.str() + "' there?"));
}

bool Asker::await(const std::function<bool(const Message&)>& fits, RawTime end, Message& answer) {
    while (clock_.now() < end) {
        transport_->poll(end);
        Inbound in;
        while (transport_->receive(in)) {
            const auto error = decode(in.payload, target_.cluster, answer);
            foreign_ = foreign_ || error == DecodeError::foreign_cluster;
            // A server whose key is pinned with a name has that name only.
            const bool named = in.peer && !in.peer->id.empty();
            if (!error && (!named || answer.header.sender == in.peer->id) && fits(answer)) return true;
        }
    }
    return false;
}

}  // namespace berkeley::ctl
