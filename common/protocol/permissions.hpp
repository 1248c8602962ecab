// Permissions: the messages that the key of a peer allows it to send over the ROUTER of a candidate.
//
// The other direction needs no table: a node connects to keys that it has pinned, which are candidates' keys.
// Pure; stateless.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/messages.hpp"

namespace berkeley {

/// The role of a key. No role includes another: a candidate's process is one node with one key.
enum class AccessRole : std::uint8_t {
    slave,      ///< follows, answers probes, votes
    candidate,  ///< the same, and may be master: the others connect to it
    observer,   ///< asks for status
    operating,  ///< asks for status, and the master to hand over; "operator" in files
};

constexpr std::string_view to_string(AccessRole role) {
    switch (role) {
        case AccessRole::slave:
            return "slave";
        case AccessRole::candidate:
            return "candidate";
        case AccessRole::observer:
            return "observer";
        case AccessRole::operating:
            break;
    }
    return "operator";
}

constexpr std::optional<AccessRole> access_role(std::string_view text) {
    for (const AccessRole role :
         {AccessRole::slave, AccessRole::candidate, AccessRole::observer, AccessRole::operating}) {
        if (text == to_string(role)) return role;
    }
    return std::nullopt;
}

/// Whether the key belongs to a node and not to a tool.
constexpr bool is_node(AccessRole role) { return role == AccessRole::slave || role == AccessRole::candidate; }

/// Whether a peer with this role may send this to a candidate.
inline bool permitted(AccessRole role, const Body& body) {
    if (std::holds_alternative<StatusRequest>(body)) return true;
    if (std::holds_alternative<StepDown>(body) || std::holds_alternative<Forget>(body)) {
        return role == AccessRole::operating;
    }
    if (!is_node(role)) return false;
    // A peer that names its own endpoints stands for election.
    if (const auto* hello = std::get_if<Hello>(&body)) {
        return role == AccessRole::candidate || !hello->candidate.has_value();
    }
    return std::holds_alternative<Reply>(body) || std::holds_alternative<Ack>(body) ||
           std::holds_alternative<Grant>(body) || std::holds_alternative<Refuse>(body) ||
           std::holds_alternative<Bye>(body);
}

}  // namespace berkeley
