// berkeleyctl: the tool that asks running nodes, and makes and authorises keys.

#include <algorithm>
#include <cstdio>

#include "base/endpoint.hpp"
#include "cli/key_options.hpp"
#include "cli/option_kinds.hpp"
#include "cli/options.hpp"
#include "ctl/clock_commands.hpp"
#include "ctl/control.hpp"
#include "ctl/keys.hpp"
#include "ctl/status.hpp"
#include "ctl/watch.hpp"
#include "keys/credentials.hpp"
#include "os/standard_descriptors.hpp"

namespace berkeley::ctl {
namespace {

constexpr DurationRange kTimeout{std::chrono::milliseconds{1}, std::chrono::minutes{1}};
/// 0 means for ever.
constexpr DurationRange kWatchFor{Duration{0}, std::chrono::hours{365 * 24}};

int usage_error(const std::string& line) {
    std::fprintf(stderr, "berkeleyctl: %s\n", line.c_str());
    return 2;
}

int fail(const std::string& line) {
    std::fprintf(stderr, "berkeleyctl: %s\n", line.c_str());
    return 1;
}

int print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

/// The options that name the candidates to ask, the same for all commands that ask one.
struct TargetText {
    std::vector<std::string> polls{"tcp://127.0.0.1:5250"};
    std::string cluster = "default";
    Duration timeout = std::chrono::seconds{2};
    KeyFiles keys;

    void add_to(Command& command) {
        add_texts(
            command,
            {"--poll", "Poll endpoint of a master or standby; several may follow", "URL", polls.front()},
            polls, Values::several);
        add_text(command, {"--cluster", "Name of the cluster", "NAME", cluster}, cluster);
        add_duration(command, "--timeout", timeout, kTimeout, "Give up after this long");
        add_key_options(command, keys, KeyUse::connect);
    }

    Result<Targets> parse() const {
        if (!is_valid_name(cluster)) {
            return failure(
                "--cluster: 1 to 63 characters of A-Z a-z 0-9 . _ - are allowed, not starting with a dot");
        }
        auto credentials = load_credentials(keys, KeyUse::connect, std::nullopt, node_id("ctl"));
        if (!credentials) return failure(credentials.error().option + ": " + credentials.error().why);
        if (polls.size() > kMaxCandidates) {
            return failure("--poll: " + std::to_string(kMaxCandidates) + " endpoints at most are allowed");
        }
        Targets targets{{}, *ClusterName::from(cluster), timeout, *credentials};
        for (const std::string& poll : polls) {
            if (auto url = parse_program_endpoint(poll, EndpointUse::connect); !url)
                return failure("--poll: " + url.error());
            const bool again =
                std::find(targets.polls.begin(), targets.polls.end(), poll) != targets.polls.end();
            if (!again) targets.polls.push_back(poll);
        }
        return targets;
    }
};

int run_status(const TargetText& text, bool json) {
    const auto targets = text.parse();
    if (!targets) return usage_error(targets.error());
    const auto asker = Asker::create(*targets);
    if (!asker) return fail(asker.error());
    const Statuses statuses = ask_all(**asker, false);
    for (const std::string& line : statuses.silent) fail(line);
    if (statuses.reports.empty()) return 1;
    const auto leaders = statuses.leaders();
    if (leaders.size() <= 1) {
        const StatusReport& report = statuses.reports[statuses.best()];
        return print(json ? as_json(report) + "\n" : as_table(report));
    }
    // Two clusters under one name: whoever looks at one only sees nothing wrong.
    std::string names;
    for (const std::size_t i : leaders) {
        const StatusReport& report = statuses.reports[i];
        names += " " + report.header.sender.str();
        if (const int code = print(json ? as_json(report) + "\n" : as_table(report) + "\n"); code != 0)
            return code;
    }
    return fail("several nodes lead:" + names + "; do they hear each other?");
}

int run_watch(const TargetText& text, Duration duration, bool json) {
    const auto targets = text.parse();
    if (!targets) return usage_error(targets.error());
    const auto done = watch({.targets = *targets, .duration = duration, .json = json});
    return done ? 0 : fail(done.error());
}

int run_step_down(const TargetText& text, const std::optional<std::string>& to) {
    const auto targets = text.parse();
    if (!targets) return usage_error(targets.error());
    if (to && !is_valid_name(*to)) return usage_error("--to: the id of a standby is allowed, such as m2");
    const auto done = step_down(*targets, to ? *NodeId::from(*to) : NodeId{});
    return done ? print(*done + "\n") : fail(done.error());
}

int run_forget(const TargetText& text, const std::string& id) {
    const auto targets = text.parse();
    if (!targets) return usage_error(targets.error());
    if (!is_valid_name(id))
        return usage_error("ID: the id of a candidate that is gone is allowed, such as m3");
    const auto done = forget(*targets, *NodeId::from(id));
    return done ? print(*done + "\n") : fail(done.error());
}

int run_force_bootstrap(const std::string& directory, const std::string& id, bool yes) {
    if (!is_valid_name(id))
        return usage_error("--id: the name of the node that the directory belongs to is allowed");
    if (!yes) {
        return usage_error(
            "force-bootstrap makes this node the only voter. If another part of the cluster still has a "
            "master, there "
            "will be two, and clocks will follow either. Only where the other voters are lost for good: add "
            "--yes");
    }
    const auto done = force_bootstrap(directory, *NodeId::from(id));
    return done ? print(*done + "\n") : fail(done.error());
}

int run_keygen(const std::string& id, const std::string& role, const std::string& directory) {
    if (!is_valid_name(id))
        return usage_error(
            "--id: 1 to 63 characters of A-Z a-z 0-9 . _ - are allowed, not starting with a dot");
    const auto known = access_role(role);
    if (!known) return usage_error("--role: slave, candidate, observer and operator are allowed");
    const auto done = keygen(directory, *NodeId::from(id), *known);
    return done ? print(*done) : fail(done.error());
}

int run_authorize(const Authorization& wanted) {
    if (!wanted.id.empty() && !is_valid_name(wanted.id))
        return usage_error("--id: the name of a node is allowed");
    if (!wanted.role.empty() && !access_role(wanted.role)) {
        return usage_error("--role: slave, candidate, observer and operator are allowed");
    }
    const auto done = authorize(wanted);
    return done ? print(*done) : fail(done.error());
}

int run_revoke(const std::string& directory, const std::vector<std::string>& whom) {
    const auto done = revoke(directory, whom);
    return done ? print(*done) : fail(done.error());
}

/// What the user has asked for, whichever command it was.
struct Given {
    bool json = false;
    TargetText target;
    Duration watch_for{0};
    std::optional<std::string> to;
    std::string state_dir;
    std::string id;
    bool yes = false;
    std::string forget_id;
    std::string key_id;
    std::string role = "slave";
    std::string out_directory = ".";
    Authorization wanted;
    std::string directory;
    std::vector<std::string> whom;
};

/// A command without a footer of its own would show the program's.
void examples(Command& command, const std::string& lines) { command.footer("Examples:\n" + lines); }

Command& add_status(CommandLine& app, Given& given) {
    Command& status = app.add_command("status", "Role, term, voters and members of a master or standby");
    given.target.add_to(status);
    status.add_flag("--json", given.json, "One JSON object instead of a table");
    examples(status,
             "  berkeleyctl status                                  the master on this machine\n"
             "  berkeleyctl status --poll tcp://10.0.0.1:5250 --poll tcp://10.0.0.2:5250\n"
             "                                                      whichever of the two leads\n"
             "  berkeleyctl status --json | jq .members             for scripts\n"
             "  berkeleyctl status --secret-key-file admin.secret --server-key m1.key    with keys");
    return status;
}

Command& add_watch(CommandLine& app, Given& given) {
    Command& watching = app.add_command("watch", "Follow live who leads: a line at every change");
    given.target.add_to(watching);
    add_duration(watching, "--for", given.watch_for, kWatchFor,
                 "Stop after this long; 0: run until interrupted");
    watching.add_flag("--json", given.json, "Print one JSON object a line, as status --json does");
    examples(
        watching,
        "  berkeleyctl watch                                   who leads, live, on all candidates that it "
        "names\n"
        "  berkeleyctl watch --for 10s --json | jq .role");
    return watching;
}

Command& add_step_down(CommandLine& app, Given& given) {
    Command& stepping = app.add_command("stepdown", "Ask the master to hand over to a standby");
    given.target.add_to(stepping);
    add_text(stepping, {"--to", "The standby that shall lead [the best one]", "ID"}, given.to);
    examples(stepping,
             "  berkeleyctl stepdown                                to the best standby\n"
             "  berkeleyctl stepdown --to m2 --poll tcp://10.0.0.1:5250 --poll tcp://10.0.0.2:5250");
    return stepping;
}

Command& add_forget(CommandLine& app, Given& given) {
    Command& forgetting =
        app.add_command("forget", "Forget a candidate that is gone for good, without waiting a day");
    given.target.add_to(forgetting);
    add_text(forgetting, {"id", "The candidate", "ID"}, given.forget_id);
    forgetting.require("id");
    examples(forgetting, "  berkeleyctl forget m3");
    return forgetting;
}

Command& add_force_bootstrap(CommandLine& app, Given& given) {
    Command& forcing = app.add_command(
        "force-bootstrap",
        "DANGEROUS: make a stopped berkeley-master the only voter, when the others are lost for good");
    add_text(forcing, {"--state-dir", "State directory of that node", "DIR"}, given.state_dir);
    forcing.require("--state-dir");
    add_text(forcing, {"--id", "Id of that node", "ID"}, given.id);
    forcing.require("--id");
    forcing.add_flag("--yes", given.yes, "Confirm that the other voters are lost for good");
    examples(forcing,
             "  berkeleyctl force-bootstrap --state-dir ~/.local/state/berkeley/default/m2 --id m2 --yes");
    return forcing;
}

Command& add_keygen(CommandLine& app, Given& given) {
    Command& generating = app.add_command("keygen", "Make a key pair: ID.secret and ID.key");
    add_text(generating, {"--id", "The node or person that the key is for", "ID"}, given.key_id);
    generating.require("--id");
    add_text(generating,
             {"--role", "slave, candidate, observer (asks for status) or operator (also stepdown, forget)",
              "ROLE", given.role},
             given.role);
    add_text(generating, {"--out", "Directory for both files", "DIR", given.out_directory},
             given.out_directory);
    examples(generating,
             "  berkeleyctl keygen --id s1 --out keys               a key pair: keys/s1.secret, keys/s1.key\n"
             "  berkeleyctl keygen --id m1 --role candidate --out keys");
    return generating;
}

Command& add_authorize(CommandLine& app, Given& given) {
    Command& authorizing = app.add_command(
        "authorize", "Put public keys into a directory of authorised keys; running nodes notice");
    add_text(authorizing, {"--dir", "The directory that nodes have as --authorized-keys", "DIR"},
             given.directory);
    authorizing.require("--dir");
    add_text(authorizing, {"--id", "Id of the node, where the file does not name it", "ID"}, given.wanted.id);
    add_text(authorizing, {"--role", "Role of the node, instead of the file's", "ROLE"}, given.wanted.role);
    add_texts(authorizing, {"files", "Public files, such as keys/s1.key", "FILE"}, given.wanted.files,
              Values::several);
    authorizing.require("files");
    examples(authorizing,
             "  berkeleyctl authorize --dir /etc/berkeley/authorized keys/*.key\n"
             "  berkeleyctl authorize --dir /etc/berkeley/authorized --role operator admin.key");
    return authorizing;
}

Command& add_revoke(CommandLine& app, Given& given) {
    Command& revoking = app.add_command(
        "revoke", "Remove keys from that directory; running nodes cut them off within two seconds");
    add_text(revoking, {"--dir", "The directory that nodes have as --authorized-keys", "DIR"},
             given.directory);
    revoking.require("--dir");
    add_texts(revoking,
              {"whom", "Ids of nodes (all their keys), single keys, or public files", "ID|KEY|FILE"},
              given.whom, Values::several);
    revoking.require("whom");
    examples(revoking, "  berkeleyctl revoke --dir /etc/berkeley/authorized s1");
    return revoking;
}

int run(int argc, char** argv) {
    CommandLine app("berkeleyctl",
                    "Shows and controls a running Berkeley cluster, reads its clocks, and manages its keys.");
    app.footer(
        "Examples:\n"
        "  berkeleyctl status                                  the master on this machine\n"
        "  berkeleyctl status --poll tcp://10.0.0.2:5250       another candidate\n"
        "  berkeleyctl status --json | jq .members             for scripts\n"
        "  berkeleyctl clock /dev/shm/berkeley/default/*       the clocks of this machine's nodes\n"
        "  berkeleyctl wait --bound 100us                      until this machine's clock is good\n"
        "  berkeleyctl run --at +2s -- date                    a command at an instant of cluster time\n"
        "  berkeleyctl watch                                   who leads, live\n"
        "  berkeleyctl stepdown --to m2                        a planned hand-over\n"
        "  berkeleyctl keygen --id s1 --out keys               a key pair: keys/s1.secret, keys/s1.key\n"
        "  berkeleyctl authorize --dir /etc/berkeley/authorized keys/s1.key\n"
        "  berkeleyctl revoke --dir /etc/berkeley/authorized s1\n"
        "Exit codes: 0 answered, 1 no answer, 2 bad usage.");
    std::vector<std::string> arguments{argv + std::min(argc, 1), argv + argc};
    ClockCommands clocks(arguments);
    Given given;
    add_status(app, given);
    const Command& watching = add_watch(app, given);
    const Command& stepping = add_step_down(app, given);
    const Command& forgetting = add_forget(app, given);
    const Command& forcing = add_force_bootstrap(app, given);
    clocks.add_to(app);
    const Command& generating = add_keygen(app, given);
    const Command& authorizing = add_authorize(app, given);
    const Command& revoking = add_revoke(app, given);
    if (const auto early = app.parse(arguments)) return report(*early);
    if (clocks.given()) return clocks.run();
    if (watching.given()) return run_watch(given.target, given.watch_for, given.json);
    if (stepping.given()) return run_step_down(given.target, given.to);
    if (forgetting.given()) return run_forget(given.target, given.forget_id);
    given.wanted.directory = given.directory;
    if (generating.given()) return run_keygen(given.key_id, given.role, given.out_directory);
    if (authorizing.given()) return run_authorize(given.wanted);
    if (revoking.given()) return run_revoke(given.directory, given.whom);
    if (forcing.given()) return run_force_bootstrap(given.state_dir, given.id, given.yes);
    return run_status(given.target, given.json);
}

}  // namespace
}  // namespace berkeley::ctl

int main(int argc, char** argv) {
    berkeley::fill_standard_descriptors();
    return berkeley::ctl::run(argc, argv);
}
