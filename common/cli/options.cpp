// Options are parsed in two passes. The first reads only the command line, to learn which options are given
// and where the file is. The second reads the file's options as if they stood on a command line, and then
// the given ones. So both go through the same checks, and one place says what is allowed.

#include "cli/options.hpp"

#include <pwd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "base/clock_map.hpp"
#include "base/duration_text.hpp"
#include "base/endpoint.hpp"
#include "cli/config_file.hpp"
#include "cli/key_options.hpp"
#include "cli/option_kinds.hpp"
#include "os/refclock.hpp"
#include "protocol/messages.hpp"

namespace berkeley {
namespace {

using namespace std::chrono_literals;

constexpr Duration kMinute = std::chrono::minutes{1};
constexpr Duration kHour = std::chrono::hours{1};
constexpr Duration kDay = std::chrono::hours{24};
/// With a timeout shorter than three heartbeats a single lost packet could cause an election.
constexpr int kHeartbeatsPerTimeout = 3;

/// Raw values that get their meaning only when all options are known.
struct Unresolved {
    std::optional<NodeId> id;
    std::optional<ClusterName> cluster;
    std::optional<std::string> clock_page;
    std::optional<std::string> state_dir;
    std::string config;
};

void add_node_options(Command& app, NodeOptions& node, Unresolved& raw, const std::string& shown_id) {
    app.group("Identity");
    add_name(app, "--id", raw.id, "Name of this node, unique in the cluster", shown_id);
    add_name(app, "--cluster", raw.cluster, "Name of the cluster; messages of other clusters are ignored",
             "default");
    add_path(app, "--state-dir", raw.state_dir, "DIR",
             "Directory that keeps votes and frequency over a restart "
             "[$STATE_DIRECTORY, else ~/.local/state/berkeley/CLUSTER/ID]");

    app.group("Clock");
    add_choice<ClockKind>(app, "--clock", node.clock,
                          {{"virtual", ClockKind::virtual_clock}, {"system", ClockKind::system_clock}},
                          "The clock to discipline: one of our own, or the machine's");
    app.add_flag(
        "--claim-sync", node.claim_sync,
        "With --clock system: clear STA_UNSYNC, so that programs take CLOCK_REALTIME for UTC and the "
        "kernel writes it to the hardware clock. (The kernel's maxerror and esterror are always set.)");
    add_integer(app,
                {"--refclock-shm",
                 "Give cluster time to a running chronyd or ntpd: unit of NTP's shared memory", "UNIT", ""},
                {0, kRefclockUnitMax}, [&node](std::int64_t unit) { node.refclock_shm = unit; });
    add_text(
        app,
        {"--refclock-sock", "Give cluster time to a running chronyd: the path of its refclock SOCK", "PATH"},
        node.refclock_sock);
    add_duration(app, "--clock-offset", node.clock_offset, {-3650 * kDay, 3650 * kDay},
                 "Inject this error into the clock, for demonstrations and tests");
    add_rate(app, "--clock-drift", node.clock_drift_ppb, -100'000, 100'000,
             "Inject this drift into the clock, for demonstrations and tests");
    add_rate(app, "--max-drift", node.max_drift_ppb, 0.1, 100'000,
             "Largest rate error of any oscillator in the cluster; error bounds grow by it");
    add_rate(app, "--max-slew", node.max_slew_ppb, 1, static_cast<double>(kSlewRateMaxPpb) / 1000,
             "Largest rate at which corrections are slewed");
    add_duration(app, "--step-threshold", node.step_threshold, {1ms, kDay},
                 "A correction beyond this steps the clock instead of slewing it");
    add_duration(app, "--max-correction", node.max_correction, {1ms, 3650 * kDay},
                 "A correction beyond this is refused once the clock was synchronized");
    add_duration(app, "--max-bound", node.max_bound, {1us, kHour},
                 "A clock with a larger error bound is not SYNCHRONIZED");
    add_path(app, "--clock-page", raw.clock_page, "PATH",
             "Clock page for applications, or none [/dev/shm/berkeley/CLUSTER/ID]");
    app.add_flag("--let-cpus-sleep", node.let_cpus_sleep,
                 "Let idle CPUs sleep during a burst of probes: less power, noisier measurements");

    app.group("Takeover");
    add_duration(app, "--heartbeat-interval", node.heartbeat_interval, {5ms, kMinute},
                 "Time between two heartbeats; the same on all nodes");
    add_duration(
        app, "--heartbeat-timeout", node.heartbeat_timeout, {15ms, kHour},
        "Silence after which a master counts as gone; at least 3 heartbeat intervals, the same on all nodes");

    app.group("Output and security");
    app.add_flag("--json", node.json, "Print events as JSON lines on stdout");
    add_choice<LogLevel>(app, "--log-level", node.log_level,
                         {{"debug", LogLevel::debug},
                          {"info", LogLevel::info},
                          {"warning", LogLevel::warning},
                          {"error", LogLevel::error},
                          {"off", LogLevel::off},
                          {"warn", LogLevel::warning}},
                         "Least severity that the log on stderr prints");
    add_text(app, {"--config", "TOML file with any of these options, e.g. interval = \"1s\"", "FILE"},
             raw.config);
    add_key_options(app, node.keys, KeyUse::serve);
    app.add_flag("--insecure", node.insecure, "Accept connections from other machines without keys");
}

Result<std::filesystem::path> default_state_dir(const ClusterName& cluster, const NodeId& id) {
    if (const char* given = std::getenv("STATE_DIRECTORY"); given != nullptr && *given != '\0') {
        // systemd joins several with colons; the first is the unit's own.
        const std::string_view all(given);
        return std::filesystem::path(all.substr(0, all.find(':')));
    }
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') {
        const passwd* entry = ::getpwuid(::getuid());
        home = entry != nullptr ? entry->pw_dir : nullptr;
    }
    if (home == nullptr) return failure("has no default without $STATE_DIRECTORY or $HOME: name a directory");
    return std::filesystem::path(home) / ".local/state/berkeley" / cluster.view() / id.view();
}

/// Sets the defaults that depend on other options, and checks combinations.
void resolve(NodeOptions& node, const Unresolved& raw, const std::string& default_id, KeyUse use,
             const KeyOwner& owner) {
    const auto owner_id = owner(node.keys, use, raw.id, node_id(default_id));
    if (!owner_id) reject(owner_id.error().option, owner_id.error().why);
    if (*owner_id && node.insecure) reject("--insecure", "does not go with keys: leave one of them out");
    node.id = *owner_id ? **owner_id : raw.id.value_or(node_id(default_id));
    node.id_is_of_process = use == KeyUse::connect && !raw.id && !*owner_id;
    node.cluster = raw.cluster.value_or(ClusterName::from("default").value());
    if (node.heartbeat_timeout < kHeartbeatsPerTimeout * node.heartbeat_interval) {
        reject("--heartbeat-timeout",
               fmt::format("{} is not allowed: at least {} times --heartbeat-interval ({})",
                           duration_literal(node.heartbeat_timeout), kHeartbeatsPerTimeout,
                           duration_literal(kHeartbeatsPerTimeout * node.heartbeat_interval)));
    }
    if (node.clock == ClockKind::system_clock && (node.clock_offset != 0ns || node.clock_drift_ppb != 0)) {
        reject("--clock",
               "system does not go with --clock-offset or --clock-drift: they are for --clock virtual");
    }
    if (node.clock == ClockKind::system_clock && (node.refclock_shm >= 0 || !node.refclock_sock.empty())) {
        reject(node.refclock_shm >= 0 ? "--refclock-shm" : "--refclock-sock",
               "does not go with --clock system: one of both programs steers the machine's clock");
    }
    if (node.claim_sync && node.clock != ClockKind::system_clock) {
        reject("--claim-sync", "is for --clock system: no other clock is the kernel's");
    }
    if (raw.clock_page.value_or("") != "none") {
        node.clock_page = raw.clock_page ? std::filesystem::path(*raw.clock_page)
                                         : std::filesystem::path("/dev/shm/berkeley") / node.cluster.view() /
                                               node.id.view();
        node.clock_page_is_of_process = node.id_is_of_process && !raw.clock_page;
    }
    if (raw.state_dir) {
        node.state_dir = *raw.state_dir;
        std::error_code ignored;
        if (std::filesystem::exists(node.state_dir, ignored) &&
            !std::filesystem::is_directory(node.state_dir, ignored)) {
            reject("--state-dir",
                   "'" + *raw.state_dir + "' is no directory: a directory is allowed, which need not exist");
        }
    } else if (node.id_is_of_process && std::getenv("STATE_DIRECTORY") == nullptr) {
        node.state_dir.clear();  // nobody would find it again under that name
    } else {
        auto directory = default_state_dir(node.cluster, node.id);
        if (!directory) reject("--state-dir", directory.error());
        node.state_dir = *std::move(directory);
    }
}

struct Bind {
    const char* option;
    const std::string& url;
    const char* advertise_option;
    const std::string& advertised;
};

/// Slaves that reach the poll endpoint from elsewhere must reach the two others too.
void require_reachable(const std::array<Bind, 3>& binds) {
    const auto reachable = [](const Bind& bind) {
        const std::string& told = bind.advertised.empty() ? bind.url : bind.advertised;
        const auto endpoint = parse_endpoint(told, EndpointUse::bind);
        return endpoint && !endpoint->is_local();
    };
    const Bind& poll = binds.front();
    if (!reachable(poll)) return;
    for (const Bind& bind : binds) {
        if (reachable(bind)) continue;
        reject(
            bind.option,
            fmt::format(
                "'{}' can be reached from this machine only, but --poll '{}' from others: bind both to the "
                "same address, or give {} the URL that leads here",
                bind.url, poll.url, bind.advertise_option));
    }
}

void resolve_master(MasterOptions& options) {
    const std::array<Bind, 3> binds{
        {{"--poll", options.poll, "--advertise-poll", options.advertise_poll},
         {"--publish", options.publish, "--advertise-publish", options.advertise_publish},
         {"--heartbeat", options.heartbeat, "--advertise-heartbeat", options.advertise_heartbeat}}};
    std::set<std::string> seen;
    for (const Bind& bind : binds) {
        const char* name = bind.option;
        const auto endpoint = parse_endpoint(bind.url, EndpointUse::bind);
        if (!endpoint) reject(name, endpoint.error());
        if (!endpoint->is_local() && !options.node.insecure && !options.node.keys.any()) {
            reject(
                name,
                "'" + bind.url +
                    "' can be reached from other machines and there are no keys: bind to 127.0.0.1 or ipc, "
                    "give --secret-key-file and --authorized-keys, or --insecure");
        }
        const bool shareable = endpoint->scheme == Scheme::tcp ? endpoint->port == 0 : endpoint->path == "*";
        if (!shareable && !seen.insert(bind.url).second) {
            reject(name, "'" + bind.url +
                             "' is taken by another option: --poll, --publish and --heartbeat must differ");
        }
    }
    require_reachable(binds);
}

/// A program's options: `describe` adds them to a command bound to (options, raw), and `finish` completes
/// them.
template <class Options>
struct Program {
    std::string name;
    std::string description;
    std::string footer;
    std::string default_id;
    KeyUse use;
    std::function<void(Command&, Options&)> describe;
    std::function<void(Options&)> finish;
};

template <class Options>
struct Pass {
    Options options;
    Unresolved raw;
    CommandLine line;

    explicit Pass(const Program<Options>& program) : line(program.name, program.description) {
        line.footer(program.footer);
        program.describe(line, options);
        add_node_options(line, options.node, raw,
                         program.use == KeyUse::connect ? "HOST-RANDOM" : program.default_id);
    }
};

template <class Options>
Parsed<Options> parse(const Program<Options>& program, int argc, const char* const* argv,
                      const KeyOwner& owner) {
    const std::vector<std::string> given(argv + std::min(argc, 1), argv + argc);
    Pass<Options> first(program);
    if (auto early = first.line.parse(given)) return tl::unexpected<EarlyExit>(*std::move(early));
    try {
        Pass<Options> second(program);
        std::vector<std::string> arguments;
        if (!first.raw.config.empty()) arguments = read_config(first.raw.config, first.line);
        arguments.insert(arguments.end(), given.begin(), given.end());
        if (auto early = second.line.parse(arguments)) return tl::unexpected<EarlyExit>(*std::move(early));
        resolve(second.options.node, second.raw, program.default_id, program.use, owner);
        program.finish(second.options);
        return std::move(second.options);
    } catch (const std::exception& error) {
        return tl::unexpected<EarlyExit>(first.line.usage_error(error.what()));
    }
}

constexpr const char* kMasterFooter = R"(
Times are written with a unit: 250ms, 1s, 2.5s, -10m, 1h.
URLs are tcp://HOST:PORT (port 0 takes any free one) or ipc://PATH.

Examples:
  A cluster on this machine; run berkeley-slave a few times beside it:
    berkeley-master
  A standby that takes over when the first master is gone:
    berkeley-master --standby --id second --peer tcp://127.0.0.1:5250 \
        --poll tcp://127.0.0.1:5350 --publish tcp://127.0.0.1:5351 --heartbeat tcp://127.0.0.1:5352
  A clock that is 10 minutes behind, to watch the cluster agree:
    berkeley-master --clock-offset -10m

Exit codes: 0 ended on request, 1 run-time failure, 2 bad usage or configuration.)";

constexpr const char* kSlaveFooter = R"(
Times are written with a unit: 250ms, 1s, 2.5s, -10m, 1h.

Examples:
  Follow the master on this machine:
    berkeley-slave
  A clock that is 25 minutes ahead and gains 30 us a second, to watch it being corrected:
    berkeley-slave --id s1 --clock-offset 25m --clock-drift 30
  Two candidates; one would do, the others are learned from it:
    berkeley-slave --master tcp://10.0.0.1:5250 --master tcp://10.0.0.2:5250

Exit codes: 0 ended on request, 1 run-time failure, 2 bad usage or configuration.)";

Program<MasterOptions> master_program() {
    const auto describe = [](Command& app, MasterOptions& options) {
        app.group("Master");
        app.add_flag("--standby", options.standby,
                     "Never found a cluster: wait to take over in an existing one. (A node that was the only "
                     "voter of its "
                     "cluster leads it again.)");
        add_bind(app, "--poll", options.poll, "Endpoint that slaves and other candidates connect to");
        add_bind(app, "--publish", options.publish, "Endpoint that broadcasts corrections");
        add_bind(app, "--heartbeat", options.heartbeat, "Endpoint that broadcasts heartbeats");
        add_connects(app, "--peer", options.peers, "Poll URL of another candidate; may be repeated");
        app.add({"--advertise",
                 "Host that others shall connect to, where it is not the one bound; without it they take the "
                 "address by which they reach this node where an endpoint is bound to all (*)",
                 "HOST"},
                [&options](const std::vector<std::string>& given) {
                    std::string host = given.front();
                    // An IPv6 address needs its brackets in a URL only.
                    if (host.find(':') != std::string::npos && host.front() != '[') host = "[" + host + "]";
                    if (!is_valid_host(host)) {
                        reject("--advertise",
                               "'" + host.substr(0, 80) + "' is not allowed: a host name or address");
                    }
                    options.advertise = host;
                });
        add_connect(
            app, "--advertise-poll", options.advertise_poll,
            "URL that leads others to --poll, where host or port are not the ones bound (NAT, container)");
        add_connect(app, "--advertise-publish", options.advertise_publish, "The same for --publish");
        add_connect(app, "--advertise-heartbeat", options.advertise_heartbeat, "The same for --heartbeat");
        add_integer(app, "--priority", options.priority, {-1'000'000, 1'000'000},
                    "The candidate with the highest priority takes over first; give each its own");
        add_duration(app, "--interval", options.interval, {50ms, kHour}, "Time between two rounds");
        add_integer(app, "--burst", options.burst, {3, 64},
                    "Probes to each slave in a round; the first two warm up the path");
        add_integer(app, "--window", options.window, {1, 1024}, "Number of slaves probed at the same time");
        add_integer(app, "--max-members", options.max_members, {1, kMaxMembers},
                    "Largest number of slaves and standbys; more are refused");
    };
    return {"berkeley-master",
            "Master of a Berkeley cluster: polls its slaves, averages all clocks fault-tolerantly, and tells "
            "each clock its correction.",
            kMasterFooter,
            host_name(),
            KeyUse::serve,
            describe,
            resolve_master};
}

std::string random_suffix() {
    std::uint32_t word = 0;
    while (::getrandom(&word, sizeof word, 0) != sizeof word) {
    }
    return fmt::format("{:08x}", word);
}

Program<SlaveOptions> slave_program() {
    const auto describe = [](Command& app, SlaveOptions& options) {
        app.group("Slave");
        add_connects(app, "--master", options.masters,
                     "Poll URL of a master or standby; may be repeated [tcp://127.0.0.1:5250]");
        app.add_flag("--no-vote", options.no_vote,
                     "Never be a voter: for slaves that come and go, of which no election should depend");
    };
    const auto finish = [](SlaveOptions& options) {
        options.node.votes = !options.no_vote;
        if (options.masters.empty()) options.masters.push_back(Url::from("tcp://127.0.0.1:5250").value());
    };
    // Lets several slaves run without an option: on one machine, and in containers, where host names and
    // process numbers are often the same.
    const std::string suffix = "-" + random_suffix();
    return {"berkeley-slave",
            "Slave of a Berkeley cluster: keeps a clock that agrees with the cluster's other clocks.",
            kSlaveFooter,
            host_name().substr(0, NodeId::kCapacity - suffix.size()) + suffix,
            KeyUse::connect,
            describe,
            finish};
}

}  // namespace

std::string host_name() {
    std::array<char, 256> buffer{};
    if (::gethostname(buffer.data(), buffer.size() - 1) != 0) return "node";
    std::string name(buffer.data());
    name = name.substr(0, NodeId::kCapacity);
    for (char& c : name) {
        if (!is_valid_name(std::string_view(&c, 1)) && c != '.') c = '-';
    }
    return is_valid_name(name) ? name : "node";
}

Parsed<MasterOptions> parse_master_options(int argc, const char* const* argv, const KeyOwner& owner) {
    return parse(master_program(), argc, argv, owner);
}

Parsed<SlaveOptions> parse_slave_options(int argc, const char* const* argv, const KeyOwner& owner) {
    return parse(slave_program(), argc, argv, owner);
}

}  // namespace berkeley
