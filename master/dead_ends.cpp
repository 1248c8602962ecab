// A member that answers and applies nothing: it hears no corrections, or refuses each. Its own log may say
// why, but nobody reads it while the master's looks fine.

#include "master/master_core.hpp"

namespace berkeley {

/// Before the next correction is sent.
void MasterCore::watch_applied(Member& member, Actions& out) {
    const Reply& reply = *member.reply;
    const bool applied = reply.applied_term == self_.term() && reply.applied_round >= member.corrected_round;
    member.unapplied = applied || member.corrected_round == 0 ? 0 : member.unapplied + 1;
    member.corrected_round = round_;
    if (member.unapplied != kDeadEndRounds) return;
    const auto& own = self_.options().candidate;
    const Url publish = own ? own->publish : Url{};
    out.add(EmitEvent{DeadEndEvent{
        "member", member.id, publish,
        member.id.str() + " answers and applies no correction: it hears nothing at the publish endpoint " +
            publish.str() +
            " of this master (a firewall, or --advertise-publish?), or refuses; its log says which"}});
}

}  // namespace berkeley
