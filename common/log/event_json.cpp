#include "log/event_json.hpp"

#include <nlohmann/json.hpp>

namespace berkeley {
namespace {

using Json = nlohmann::ordered_json;

Json line_of(std::string_view event, const NodeId& node, const EventStamp& stamp) {
    return {{"event", event},
            {"node", node.view()},
            {"term", stamp.term},
            {"raw_ns", to_ns(stamp.raw)},
            {"cluster_ns", to_ns(stamp.cluster)}};
}

/// Text from the network may hold anything: what is no UTF-8 is replaced, and nothing throws.
std::string text_of(const Json& line) { return line.dump(-1, ' ', false, Json::error_handler_t::replace); }

class Writer {
public:
    Writer(const NodeId& node, const EventStamp& stamp) : node_(node), stamp_(stamp) {}

    std::string operator()(const MemberEvent& event) const {
        Json line = line_of("member", node_, stamp_);
        line["id"] = event.id.view();
        line["change"] = event.joined ? "joined" : "left";
        line["reason"] = event.reason;
        return text_of(line);
    }

    std::string operator()(const RoleEvent& event) const {
        Json line = line_of("role", node_, stamp_);
        line["role"] = to_string(event.role);
        line["reason"] = event.reason;
        return text_of(line);
    }

    std::string operator()(const VoteEvent& event) const {
        Json line = line_of("vote", node_, stamp_);
        line["voter"] = event.voter.view();
        line["granted"] = event.granted;
        line["reason"] = event.reason;
        return text_of(line);
    }

    std::string operator()(const CommitteeEvent& event) const {
        Json voters = Json::array();
        for (const Voter& voter : event.committee.voters) voters.push_back(voter.id.view());
        Json line = line_of("committee", node_, stamp_);
        line["committee_term"] = event.committee.term;
        line["version"] = event.committee.version;
        line["voters"] = std::move(voters);
        return text_of(line);
    }

    std::string operator()(const RoundEvent& event) const {
        Json outliers = Json::array();
        Json peers = Json::object();
        // Straight into the underlying vector: operator[] looks for the key first, which makes thousands of
        // peers quadratic. Ids are unique in a roster.
        auto& object = peers.get_ref<Json::object_t&>();
        object.reserve(event.peers.size());
        for (const PeerResult& peer : event.peers) {
            if (peer.outlier) outliers.push_back(peer.id.view());
            object.emplace_back(peer.id.str(), Json{{"offset_ns", peer.offset.count()},
                                                    {"delay_ns", peer.delay.count()},
                                                    {"bound_ns", peer.bound.count()},
                                                    {"correction_ns", peer.correction.count()},
                                                    {"freq_ppb", peer.freq_ppb}});
        }
        Json line = line_of("round", node_, stamp_);
        line["round"] = event.round;
        line["state"] = to_string(event.state);
        line["members"] = event.members;
        line["replied"] = event.replied;
        line["average_ns"] = event.average.count();
        line["split"] = event.state == RoundState::split;
        line["outliers"] = std::move(outliers);
        line["duration_us"] = std::chrono::duration_cast<std::chrono::microseconds>(event.duration).count();
        line["peers"] = std::move(peers);
        return text_of(line);
    }

    std::string operator()(const CorrectionEvent& event) const {
        Json line = line_of("correction", node_, stamp_);
        line["round"] = event.round;
        line["correction_ns"] = event.correction.count();
        line["freq_ppb"] = event.freq_ppb;
        line["applied"] = to_string(event.applied);
        line["bound_ns"] = event.bound.count();
        line["status"] = to_string(event.status);
        if (!event.reason.empty()) line["reason"] = event.reason;
        return text_of(line);
    }

    std::string operator()(const StatusEvent& event) const {
        Json line = line_of("status", node_, stamp_);
        line["status"] = to_string(event.status);
        line["reason"] = event.reason;
        return text_of(line);
    }

    std::string operator()(const DroppedEvent& event) const {
        Json line = line_of("dropped", node_, stamp_);
        line["reason"] = event.reason;
        line["count"] = event.count;
        return text_of(line);
    }

    std::string operator()(const NoteEvent&) const { return {}; }

private:
    const NodeId& node_;
    const EventStamp& stamp_;
};

}  // namespace

std::string event_json(const Event& event, const NodeId& node, const EventStamp& stamp) {
    return std::visit(Writer(node, stamp), event);
}

std::string ready_json(const NamedEndpoints& endpoints, const NodeId& node, const EventStamp& stamp) {
    Json object = Json::object();
    for (const auto& [name, url] : endpoints) object[name] = url;
    Json line = line_of("ready", node, stamp);
    line["endpoints"] = std::move(object);
    return text_of(line);
}

std::string exit_json(int code, std::string_view reason, const NodeId& node, const EventStamp& stamp) {
    Json line = line_of("exit", node, stamp);
    line["code"] = code;
    if (!reason.empty()) line["reason"] = reason;
    return text_of(line);
}

}  // namespace berkeley
