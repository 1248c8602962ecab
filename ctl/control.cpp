#include "ctl/control.hpp"

#include "ctl/status.hpp"
#include "state/state_file.hpp"

namespace berkeley::ctl {

namespace {

/// Enough to exceed every term that the lost voters can have begun without this node.
constexpr Term kTermsSkipped = 1000;

}  // namespace

Result<std::string> step_down(const Targets& targets, const NodeId& to) {
    auto asker = Asker::create(targets);
    if (!asker) return failure(asker.error());
    const Statuses statuses = ask_all(**asker, true);
    if (statuses.reports.empty()) return failure(statuses.silent.front());
    // Where no asked node leads, a node that does not lead names the leader.
    const Link link = statuses.links[statuses.best()];
    (*asker)->ask(link, StepDown{to}, [](const Message& message) {
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
    return who + " has stepped down and asked " + (to.empty() ? "its best standby" : to.str()) +
           " to take over; see berkeleyctl watch";
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
