#include "log/event_json.hpp"

#include "base/json_writer.hpp"

namespace berkeley {
namespace {

class Lines {
public:
    Lines(const NodeId& node, const EventStamp& stamp) : node_(node), stamp_(stamp) {}

    std::string operator()(const MemberEvent& event) {
        begin("member").field("id", event.id.view()).field("change", event.joined ? "joined" : "left");
        json_.field("reason", event.reason);
        return end();
    }

    std::string operator()(const RoleEvent& event) {
        begin("role").field("role", to_string(event.role)).field("reason", event.reason);
        return end();
    }

    std::string operator()(const VoteEvent& event) {
        begin("vote").field("voter", event.voter.view()).field("granted", event.granted);
        json_.field("reason", event.reason);
        return end();
    }

    std::string operator()(const CommitteeEvent& event) {
        const Committee& committee = event.committee;
        begin("committee").field("committee_term", committee.term).field("version", committee.version);
        json_.key("voters").begin_array();
        for (const Voter& voter : committee.voters) json_.value(voter.id.view());
        json_.end_array();
        return end();
    }

    std::string operator()(const RoundEvent& event) {
        using std::chrono::microseconds;
        begin("round").field("round", event.round).field("state", to_string(event.state));
        json_.field("members", event.members).field("replied", event.replied);
        json_.field("average_ns", event.average.count()).field("split", event.state == RoundState::split);
        json_.key("outliers").begin_array();
        for (const PeerResult& peer : event.peers) {
            if (peer.outlier) json_.value(peer.id.view());
        }
        json_.end_array();
        json_.field("duration_us", std::chrono::duration_cast<microseconds>(event.duration).count());
        json_.key("peers").begin_object();
        for (const PeerResult& peer : event.peers) {
            json_.key(peer.id.view()).begin_object();
            json_.field("offset_ns", peer.offset.count()).field("delay_ns", peer.delay.count());
            json_.field("bound_ns", peer.bound.count()).field("correction_ns", peer.correction.count());
            json_.field("freq_ppb", peer.freq_ppb).end_object();
        }
        json_.end_object();
        return end();
    }

    std::string operator()(const CorrectionEvent& event) {
        begin("correction").field("round", event.round).field("correction_ns", event.correction.count());
        json_.field("freq_ppb", event.freq_ppb).field("applied", to_string(event.applied));
        json_.field("bound_ns", event.bound.count()).field("status", to_string(event.status));
        if (!event.reason.empty()) json_.field("reason", event.reason);
        return end();
    }

    std::string operator()(const StatusEvent& event) {
        begin("status").field("status", to_string(event.status)).field("reason", event.reason);
        return end();
    }

    std::string operator()(const DeadEndEvent& event) {
        begin("dead_end").field("way", event.way).field("id", event.id.view());
        json_.field("url", event.url.view()).field("reason", event.reason);
        return end();
    }

    std::string operator()(const DroppedEvent& event) {
        begin("dropped").field("reason", event.reason).field("count", event.count);
        if (!event.from.empty()) json_.field("from", event.from);
        return end();
    }

    std::string operator()(const NoteEvent&) { return {}; }

    std::string operator()(const SystemClockEvent& event) {
        begin("system_clock").field("residual_ns", event.residual.count());
        json_.field("freq_ppb", event.freq_ppb).field("plain_ppb", event.plain_ppb);
        json_.field("limited", event.limited).field("stepped_ns", event.stepped.count());
        json_.field("moved_ns", event.moved.count()).field("rivals", event.rivals);
        json_.field("astray", event.astray);
        return end();
    }

    JsonWriter& begin(std::string_view event) {
        json_.begin_object().field("event", event).field("node", node_.view()).field("term", stamp_.term);
        return json_.field("raw_ns", to_ns(stamp_.raw)).field("cluster_ns", to_ns(stamp_.cluster));
    }
    std::string end() { return json_.end_object().take(); }

private:
    const NodeId& node_;
    const EventStamp& stamp_;
    JsonWriter json_;
};

}  // namespace

std::string event_json(const Event& event, const NodeId& node, const EventStamp& stamp) {
    return std::visit(Lines(node, stamp), event);
}

std::string ready_json(const NamedEndpoints& endpoints, const NodeId& node, const EventStamp& stamp) {
    Lines line(node, stamp);
    JsonWriter& json = line.begin("ready").key("endpoints").begin_object();
    for (const auto& [name, url] : endpoints) json.field(name, url);
    json.end_object();
    return line.end();
}

std::string lost_json(std::uint64_t count, const NodeId& node, const EventStamp& stamp) {
    Lines line(node, stamp);
    line.begin("lost").field("count", count);
    return line.end();
}

std::string exit_json(int code, std::string_view reason, const NodeId& node, const EventStamp& stamp) {
    Lines line(node, stamp);
    JsonWriter& json = line.begin("exit").field("code", code);
    if (!reason.empty()) json.field("reason", reason);
    return line.end();
}

}  // namespace berkeley
