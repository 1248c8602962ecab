#include "log/human_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/duration_text.hpp"
#include "base/text.hpp"

namespace berkeley {
namespace {

/// The JSON line of a round names every outlier.
constexpr std::size_t kMaxNames = 5;

std::string with_reason(std::string text, std::string_view reason) {
    if (!reason.empty()) (text += ": ") += reason;
    return text;
}

struct Words {
    const EventStamp& stamp;

    std::string operator()(const MemberEvent& e) const {
        return with_reason(e.id.str() + (e.joined ? " joined" : " left"), e.reason);
    }
    std::string operator()(const RoleEvent& e) const {
        return with_reason(fmt::format("role is now {}, term {}", to_string(e.role), stamp.term), e.reason);
    }
    std::string operator()(const VoteEvent& e) const {
        return with_reason(e.voter.str() + (e.granted ? " gives its vote" : " refuses its vote"), e.reason);
    }
    std::string operator()(const CommitteeEvent& e) const {
        std::string voters;
        for (const Voter& voter : e.committee.voters) voters += (voters.empty() ? "" : ", ") + voter.id.str();
        return "the voters are " + voters;
    }
    std::string operator()(const RoundEvent& e) const { return round_text(e); }
    std::string operator()(const CorrectionEvent& e) const {
        const std::string correction = signed_duration_text(e.correction);
        if (e.applied == Applied::refused) {
            return with_reason("correction " + correction + " refused", e.reason);
        }
        return fmt::format("synchronized time {}, correction {}{}, bound {}", calendar_text(stamp.cluster),
                           correction, e.applied == Applied::step ? " (step)" : "", duration_text(e.bound));
    }
    std::string operator()(const StatusEvent& e) const {
        return with_reason(fmt::format("clock is {}", to_string(e.status)), e.reason);
    }
    std::string operator()(const DeadEndEvent& e) const { return e.reason; }
    std::string operator()(const DroppedEvent& e) const {
        const std::string_view last = e.from.empty() ? "" : e.count == 1 ? ", from " : ", the last from ";
        return fmt::format("dropped {}: {}{}{}", counted(e.count, "message"), e.reason, last, e.from);
    }
    std::string operator()(const NoteEvent& e) const { return e.text; }
    std::string operator()(const SystemClockEvent& e) const {
        return fmt::format("CLOCK_REALTIME is {} off, frequency {:+.3f} ppm",
                           signed_duration_text(-e.residual), static_cast<double>(e.freq_ppb) * 1e-3);
    }
};

}  // namespace

std::string human_text(const Event& event, const EventStamp& stamp) {
    return one_line(std::visit(Words{stamp}, event));
}

std::string names_text(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kMaxNames); ++i)
        text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > kMaxNames) text += fmt::format(" and {} more", names.size() - kMaxNames);
    return text;
}

std::string outliers_text(const std::vector<PeerResult>& outliers) {
    std::vector<std::string> names;
    for (const PeerResult& peer : outliers) {
        names.push_back(fmt::format("{} ({})", peer.id.view(), signed_duration_text(peer.offset)));
    }
    return (names.size() == 1 ? "outlier " : "outliers ") + names_text(names);
}

std::string round_text(const RoundEvent& event) {
    std::string text = fmt::format("round {}: ", event.round);
    if (event.replied != event.members) text += fmt::format("{} of ", event.replied);
    text += counted(event.members, "slave");
    std::vector<PeerResult> outliers;
    std::copy_if(event.peers.begin(), event.peers.end(), std::back_inserter(outliers),
                 [](const PeerResult& peer) { return peer.outlier; });
    switch (event.state) {
        case RoundState::gathering:
            return text + ", still gathering";
        case RoundState::split:
            text += ", the clocks disagree (split), no correction";
            break;
        case RoundState::cold_start:
            text += ", first synchronization";
            break;
        case RoundState::degraded:
            text += ", too few clocks to vote (degraded)";
            break;
        case RoundState::steady:
            break;
    }
    if (event.state != RoundState::split) text += ", average offset " + signed_duration_text(event.average);
    if (!outliers.empty()) text += ", " + outliers_text(outliers);
    return text;
}

std::string_view to_string(Role role) {
    switch (role) {
        case Role::slave:
            return "slave";
        case Role::listen:
            return "listen";
        case Role::standby:
            return "standby";
        case Role::candidate:
            return "candidate";
        case Role::warmup:
            return "warmup";
        case Role::master:
            break;
    }
    return "master";
}

std::string_view to_string(ClockStatus status) {
    switch (status) {
        case ClockStatus::unsynchronized:
            return "UNSYNCHRONIZED";
        case ClockStatus::synchronized:
            return "SYNCHRONIZED";
        case ClockStatus::holdover:
            return "HOLDOVER";
        case ClockStatus::disrupted:
            break;
    }
    return "DISRUPTED";
}

std::string_view to_string(RoundState state) {
    switch (state) {
        case RoundState::gathering:
            return "gathering";
        case RoundState::cold_start:
            return "cold_start";
        case RoundState::steady:
            return "steady";
        case RoundState::degraded:
            return "degraded";
        case RoundState::split:
            break;
    }
    return "split";
}

std::string_view to_string(Applied applied) {
    switch (applied) {
        case Applied::step:
            return "step";
        case Applied::slew:
            return "slew";
        case Applied::refused:
            break;
    }
    return "refused";
}

}  // namespace berkeley
