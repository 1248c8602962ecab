// The addresses that a slave is told of: completed and judged where they enter.

#include "protocol/candidate_address.hpp"
#include "slave/slave_core.hpp"

namespace berkeley {
namespace {

std::vector<CandidateInfo>* candidates_of(Body& body) {
    if (auto* welcome = std::get_if<Welcome>(&body)) return &welcome->candidates;
    if (auto* beat = std::get_if<Heartbeat>(&body)) return &beat->candidates;
    return nullptr;
}

}  // namespace

/// The message, or `changed`: the same without the candidates that cannot be used, and with the addresses
/// that it leaves to its receiver.
const Message& SlaveCore::with_complete_candidates(const Message& told, const Url& link, Message& changed,
                                                   Actions& out) const {
    if (!std::holds_alternative<Welcome>(told.body) && !std::holds_alternative<Heartbeat>(told.body)) {
        return told;
    }
    changed = told;
    for (std::string& fault : complete_candidates(*candidates_of(changed.body), sender_host(link))) {
        out.add(EmitEvent{
            DroppedEvent{"bad-endpoint", 1, told.header.sender.str() + " at " + link.str() + ": " + fault}});
    }
    return changed;
}

}  // namespace berkeley
