#include "ctl/control.hpp"

#include "ctl/status.hpp"
#include "state/state_file.hpp"

namespace berkeley::ctl {

namespace {

/// Enough to exceed every term that the lost voters can have begun without this node.
constexpr Term kTermsSkipped = 1000;

/// Has the leader among the targets do something, and returns its name. Where none of them leads, one that
/// does not is asked, and its refusal names the leader.
Result<std::string> tell_leader(const Targets& targets, Body body) {
    auto asker = Asker::create(targets);
    if (!asker) return failure(asker.error());
    const Statuses statuses = ask_all(**asker, true);
    if (statuses.reports.empty()) return failure(statuses.silent.front());
    const Link link = statuses.links[statuses.best()];
    (*asker)->ask(link, std::move(body), [](const Message& message) {
        return std::holds_alternative<StatusAnswer>(message.body) ||
               std::holds_alternative<Refuse>(message.body);
    });
    std::optional<Asker::Ended> ended;
    do {
        ended = (*asker)->next(RawTime::max());
    } while (ended && ended->link != link);
    if (!ended || !ended->answer) return failure(ended ? ended->answer.error() : "no answer");
    const auto& answer = ended->answer;
    const std::string who = answer->header.sender.str();
    if (const auto* refuse = std::get_if<Refuse>(&answer->body))
        return failure(who + " refuses: " + refuse->reason.str());
    return who;
}

}  // namespace

Result<std::string> step_down(const Targets& targets, const NodeId& to) {
    const auto who = tell_leader(targets, StepDown{to});
    if (!who) return failure(who.error());
    return *who + " has stepped down and asked " + (to.empty() ? "its best standby" : to.str()) +
           " to take over; see berkeleyctl watch";
}

Result<std::string> forget(const Targets& targets, const NodeId& id) {
    const auto who = tell_leader(targets, Forget{id});
    if (!who) return failure(who.error());
    return *who + " has forgotten " + id.str() + ", and tells the others";
}

Result<std::string> force_bootstrap(const std::filesystem::path& state_dir, const NodeId& id) {
    std::error_code error;
    if (!std::filesystem::is_directory(state_dir, error)) {
        return failure(state_dir.string() +
                       " is not a state directory: name the one of a stopped berkeley-master");
    }
    auto file = StateFile::open(state_dir);
    if (!file) return failure(file.error());
    auto state = file->load();
    if (!state) return failure(state.error());
    if (!*state)
        return failure(state_dir.string() +
                       " holds no state: a node without state founds a cluster by itself");
    Promises& saved = (*state)->promises;
    if (!saved.id.empty() && saved.id != id) {
        return failure(state_dir.string() + " holds the state of '" + saved.id.str() + "', not of '" +
                       id.str() + "'");
    }
    saved.id = id;
    saved.term += kTermsSkipped;
    saved.voted_for = NodeId{};
    saved.committee = {saved.term, 1, {{id, saved.incarnation}}};
    if (const auto done = file->save(saved); !done) return failure(done.error());
    return id.str() + " is the only voter now, in term " + std::to_string(saved.term) +
           ": start it, and the others will follow it";
}

}  // namespace berkeley::ctl
