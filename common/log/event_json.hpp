// The JSON line of each event, without its end. Fields are a contract with scripts: append-only. Thread-safe.
#pragma once

#include <string>

#include "log/event_log.hpp"

namespace berkeley {

/// Empty where the event is for people only.
std::string event_json(const Event& event, const NodeId& node, const EventStamp& stamp);
std::string ready_json(const NamedEndpoints& endpoints, const NodeId& node, const EventStamp& stamp);
/// Stands where lines are missing.
std::string lost_json(std::uint64_t count, const NodeId& node, const EventStamp& stamp);
std::string exit_json(int code, std::string_view reason, const NodeId& node, const EventStamp& stamp);

}  // namespace berkeley
