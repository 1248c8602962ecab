// The obstacles to leading: a cluster that lives without this candidate, or voters that do not agree. Each is
// said once, with what to do.

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "election/election.hpp"

namespace berkeley {
namespace {

/// A takeover may need a second vote. Only a third one in vain is worth a word.
constexpr std::uint32_t kFailuresTold = 3;
/// A candidate that its voters do not elect asks them less and less often, down to a fourth.
constexpr std::uint32_t kFailuresPerTimeout = 4;
constexpr std::uint32_t kTimeoutsMax = 4;
constexpr Duration kComplainAgain = std::chrono::seconds{30};
constexpr Duration kComplainSame = std::chrono::minutes{5};

}  // namespace

bool Election::about_to_found(RawTime now) const {
    return !leads() && phase_ == Phase::none && now >= deadline_ && !options_.standby &&
           elector_.committee().voters.empty();
}

/// A cluster that lives, or that may, must not get a second one beside it. Members that hear no leader and
/// remember only one voter are free: nobody else can ever lead them again.
bool Election::defer_founding(RawTime now) {
    const std::size_t taken = views_.follow_others + views_.remember_others;
    if (3 * taken <= views_.greeted) return false;
    const std::string of = " of " + counted(views_.greeted, "member");
    if (views_.follow_others > 0) {
        complain("founding no cluster: " + std::to_string(views_.follow_others) + of + " follow " +
                     views_.leader.str() + ", so this node waits as its standby",
                 now);
    } else {
        std::string voters;
        for (const Voter& voter : views_.committee.voters) voters += " " + voter.id.str();
        complain("founding no cluster: " + std::to_string(views_.remember_others) + of +
                     " remember a cluster with the voters" + voters +
                     ", of which too few answer; start those again, or give them up with berkeleyctl "
                     "force-bootstrap",
                 now);
    }
    return true;
}

void Election::complain(std::string text, RawTime now) {
    const Duration wait = text == complaint_ ? kComplainSame : kComplainAgain;
    if (!complaint_.empty() && now - complained_at_ < wait) return;
    complained_at_ = now;
    notice_ = complaint_ = std::move(text);
}

/// Asks again later, and says what to do where this goes on.
void Election::fail(RawTime now) {
    ++failures_;
    if (failures_ >= kFailuresTold) complain(describe_failure(), now);
    leader_ = NodeId{};
    phase_ = Phase::none;
    arm(now, static_cast<int>(std::min(1 + failures_ / kFailuresPerTimeout, kTimeoutsMax)));
}

std::string Election::describe_failure() const {
    std::string agreed;
    std::string refused;
    std::string silent;
    for (const Voter& voter : elector_.committee().voters) {
        const auto why = refused_.find(voter.id);
        if (granted_.contains(voter.id)) {
            agreed += " " + voter.id.str();
        } else if (why != refused_.end()) {
            refused += " " + voter.id.str() + " (" + why->second + ")";
        } else {
            silent += " " + voter.id.str();
        }
    }
    const std::size_t all = elector_.committee().voters.size();
    std::string text = "not elected: " + std::to_string(majority(elector_.committee())) + " of " +
                       counted(all, "voter") + " must agree;";
    text += agreed.empty() ? " nobody agreed" : " agreed:" + agreed;
    if (!refused.empty()) text += "; refused:" + refused;
    if (silent.empty()) return text;
    return text + "; no answer from:" + silent +
           " (start them again, or give them up with berkeleyctl force-bootstrap)";
}

}  // namespace berkeley
