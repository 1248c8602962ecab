#include "master/roster.hpp"

namespace berkeley {

Roster::Claim Roster::on_hello(const NodeId& id, Route route, const Hello& hello, bool leads,
                               std::uint64_t new_token, RawTime now) {
    Member* holder = by_id(id);
    if (holder == nullptr) {
        if (members_.size() >= max_members_) return Claim::full;
        admit(id, route, hello, now);
        return Claim::joined;
    }
    const bool same_clock = holder->generation == hello.generation;
    if (same_clock && holder->route == route) {
        note_greeting(*holder, hello, now);
        return Claim::known;
    }
    // Generations are not secret: a claimant over another connection counts as the holder only once the
    // holder is silent.
    if (leads && holder->route != route) {
        if (holder->challenge_token == 0 || now - holder->challenged_at > kChallengeExpires) {
            holder->challenge_token = new_token;
            holder->challenged_at = now;
            return Claim::pending;
        }
        if (holder->heard_at > holder->challenged_at) {
            holder->challenge_token = 0;
            return Claim::name_in_use;
        }
        if (now - holder->challenged_at < kChallengePatience) return Claim::pending;
    }
    if (same_clock) {
        // The same process came over a new connection, which another name may have used before.
        if (Member* other = by_route(route)) remove(NodeId{other->id});
        routes_.erase(holder->route);
        holder->route = route;
        routes_[route] = holder;
        note_greeting(*holder, hello, now);
        holder->challenge_token = 0;
        return Claim::known;
    }
    remove(id);
    admit(id, route, hello, now);
    return Claim::joined;
}

void Roster::note_greeting(Member& member, const Hello& hello, RawTime now) {
    member.heard_at = now;
    member.candidate = hello.candidate;
    member.follows = hello.leader;
    member.committee = hello.committee;
    member.votes = hello.votes;
}

void Roster::admit(const NodeId& id, Route route, const Hello& hello, RawTime now) {
    // One connection, one name: a peer that renames itself leaves its old name behind.
    if (Member* other = by_route(route)) remove(NodeId{other->id});
    auto member = std::make_unique<Member>();
    member->id = id;
    member->route = route;
    member->generation = hello.generation;
    member->incarnation = hello.incarnation;
    member->joined_at = now;
    note_greeting(*member, hello, now);
    routes_[route] = member.get();
    members_[id] = std::move(member);
}

void Roster::remove(const NodeId& id) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    if (on_leave) on_leave(*found->second);
    const auto route = routes_.find(found->second->route);
    if (route != routes_.end() && route->second == found->second.get()) routes_.erase(route);
    members_.erase(found);
}

Member* Roster::by_route(Route route) {
    const auto found = routes_.find(route);
    return found == routes_.end() ? nullptr : found->second;
}

Member* Roster::by_id(const NodeId& id) {
    const auto found = members_.find(id);
    return found == members_.end() ? nullptr : found->second.get();
}

}  // namespace berkeley
