// The JSON line of each event. Fields are a contract with scripts: append-only. Internal to log/event_log.
#pragma once

#include <string>

#include "log/event_log.hpp"

namespace berkeley {

/// One line without its end; empty where the event is for people only.
std::string event_json(const Event& event, const NodeId& node, const EventStamp& stamp);
std::string ready_json(const NamedEndpoints& endpoints, const NodeId& node, const EventStamp& stamp);
std::string exit_json(int code, std::string_view reason, const NodeId& node, const EventStamp& stamp);

}  // namespace berkeley
