// Topics: which topics a node may subscribe to: rounds, heartbeats and its own corrections. A subscriber of
// prefixes would get the corrections of all, at the publisher's cost. Pure; stateless.
#pragma once

#include <string_view>

#include "net/connections.hpp"
#include "protocol/messages.hpp"

namespace berkeley {

/// `id`: of the subscriber. Empty: not known yet; the first topic of corrections tells it, and sets it.
bool may_subscribe(BoundSocket which, std::string_view topic, NodeId& id);

}  // namespace berkeley
