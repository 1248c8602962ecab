#include "net/topics.hpp"

#include "wire/codec.hpp"

namespace berkeley {
namespace {

/// The node whose corrections have this topic; empty: it is no such topic.
NodeId corrected(std::string_view topic) {
    const std::size_t first = topic.find('/');
    const std::size_t last = topic.rfind('/');
    if (first == std::string_view::npos || first == last) return {};
    const std::string_view name = topic.substr(first + 1, last - first - 1);
    if (!is_valid_name(name)) return {};
    const NodeId id = node_id(name);
    return topic == correction_topic(id) ? id : NodeId{};
}

}  // namespace

bool may_subscribe(BoundSocket which, std::string_view topic, NodeId& id) {
    if (which == BoundSocket::heartbeat) return topic == kHeartbeatTopic;
    if (topic == kRoundTopic) return true;
    const NodeId target = corrected(topic);
    if (target.empty()) return false;
    if (id.empty()) id = target;
    return target == id;
}

}  // namespace berkeley
