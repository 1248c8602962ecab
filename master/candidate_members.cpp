// What a candidate and its members tell each other: whom they follow, what they remember, and which
// candidates there are.

#include <algorithm>
#include <utility>

#include "master/candidate_core.hpp"
#include "protocol/candidate_address.hpp"

namespace berkeley {

/// What the members that greeted of late say of their cluster.
MemberViews CandidateCore::views(RawTime now) const {
    MemberViews views;
    std::map<NodeId, std::size_t> followers;
    for (const auto& [id, member] : master_.roster().members()) {
        if (now - member->heard_at > kViewAge) continue;
        ++views.greeted;
        const bool follows = !member->follows.empty() && member->follows != options_.slave.id;
        if (follows) {
            ++views.follow_others;
            const std::size_t count = ++followers[member->follows];
            if (views.leader.empty() || count > followers[views.leader]) views.leader = member->follows;
        } else if (member->committee.voters.size() > 1) {
            ++views.remember_others;
            if (newer(member->committee, views.committee)) views.committee = member->committee;
        }
    }
    return views;
}

/// What a greeting says of candidates: of the sender itself, and of the leader that it follows. So two
/// candidates find each other through any member.
void CandidateCore::hear_of_candidates(const Message& message, const Hello& hello, RawTime now,
                                       Actions& out) {
    const NodeId& sender = message.header.sender;
    using Source = CandidateDirectory::Source;
    if (hello.candidate && hello.candidate->id == sender) {
        slave_.hear_of(*hello.candidate, Source::owner, now, out);
        if (hello.leader == sender) {
            election_.on_rival(sender, hello.candidate->priority, message.header.term, hello.committee, now);
        }
    }
    if (hello.leader_info && hello.leader_info->id == hello.leader) {
        CandidateInfo leader = *hello.leader_info;
        if (!complete(leader, sender_host({}, options_.slave.candidate->poll)).empty()) return;
        slave_.hear_of(leader, Source::hearsay, now, out);
    }
}

void CandidateCore::welcome(Route route, const NodeId& to, Generation generation, RawTime now,
                            Actions& out) const {
    Welcome message;
    message.generation = generation;
    message.role = election_.role();
    message.leader = election_.leader();
    message.interval = options_.master.interval;
    message.candidates = told_candidates(now);
    message.listen = listeners_.contains(to);
    out.add(SendToRoute{route, slave_.make(std::move(message)), 0});
}

/// What others should hear of candidates.
std::vector<CandidateInfo> CandidateCore::told_candidates(RawTime now) const {
    std::vector<CandidateInfo> all = slave_.directory().descriptions(now);
    std::erase_if(all, [&](const CandidateInfo& info) {
        return info.id != options_.slave.id && !may_be_told(info, options_.slave.candidate->poll);
    });
    return all;
}

void CandidateCore::tell_members(RawTime now, Actions& out) {
    tell_at_ = RawTime::max();
    told_at_ = now;
    for (const auto& [id, member] : master_.roster().members())
        welcome(member->route, id, member->generation, now, out);
}

}  // namespace berkeley
