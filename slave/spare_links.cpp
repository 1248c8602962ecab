// Two of the URLs that a slave was given may lead to one candidate: a name and an address, or two networks.
// One link is enough, and the candidate would refuse a second one as another node's claim to this name. The
// second is a spare then: it has no connection until the first is silent.

#include <algorithm>

#include "slave/slave_core.hpp"

namespace berkeley {

void SlaveCore::make_spare(Link link, const NodeId& id, Actions& out) {
    LinkState& state = links_[link];
    const bool given =
        std::find(options_.masters.begin(), options_.masters.end(), state.poll) != options_.masters.end();
    LinkState spare;
    if (given) {
        spare.used = true;
        spare.poll = state.poll;
        spare.spare_for = id;
    }
    state = std::move(spare);
    if (leader_link_ == link) leader_link_.reset();
    out.add(DropLink{link});
}

/// Whether a candidate refuses our name over this link because it knows us over another one.
bool SlaveCore::is_second_way(Link link, const Message& message, Actions& out) {
    const NodeId& sender = message.header.sender;
    const auto first = std::find_if(links_.begin(), links_.end(), [&](const LinkState& other) {
        return other.used && other.welcomed && other.info && other.info->id == sender;
    });
    if (first == links_.end() || first == links_.begin() + link) return false;
    out.add(
        EmitEvent{NoteEvent{Severity::info, links_[link].poll.str() + " leads to " + sender.str() +
                                                " too, as " + first->poll.str() + " does: kept in reserve"}});
    make_spare(link, sender, out);
    return true;
}

/// The link to this candidate is silent: perhaps another way still leads there.
void SlaveCore::wake_spares(const NodeId& id, RawTime now, Actions& out) {
    for (Link i = 0; i < links_.size(); ++i) {
        if (!links_[i].used || links_[i].spare_for != id) continue;
        LinkState woken;
        woken.poll = links_[i].poll;
        links_[i] = LinkState{};
        connect(std::move(woken), now, out);
    }
}

}  // namespace berkeley
