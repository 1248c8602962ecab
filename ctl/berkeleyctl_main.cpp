// berkeleyctl: asks running nodes.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/duration_text.hpp"
#include "ctl/clock_pages.hpp"
#include "ctl/status.hpp"
#include "io/endpoint.hpp"
#include "io/options.hpp"

namespace berkeley::ctl {
namespace {

int usage_error(const std::string& line) {
    std::fprintf(stderr, "berkeleyctl: %s\n", line.c_str());
    return 2;
}

int run_status(const std::string& poll, const std::string& cluster, const std::string& timeout, bool json) {
    StatusQuery query;
    if (auto url = parse_endpoint(poll, EndpointUse::connect); !url) return usage_error("--poll: " + url.error());
    query.poll = poll;
    if (!is_valid_name(cluster)) {
        return usage_error("--cluster: 1 to 63 characters of A-Z a-z 0-9 . _ - are allowed, not starting with a dot");
    }
    query.cluster = *ClusterName::from(cluster);
    const auto parsed = parse_duration(timeout);
    if (!parsed || *parsed <= Duration{0} || *parsed > std::chrono::minutes{1}) {
        return usage_error("--timeout: a duration up to 1m is allowed, such as 500ms or 2s");
    }
    query.timeout = *parsed;
    const auto report = ask_status(query);
    if (!report) {
        std::fprintf(stderr, "berkeleyctl: %s\n", report.error().c_str());
        return 1;
    }
    const std::string text = json ? as_json(*report) + "\n" : as_table(*report);
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

int run_clock(ClockQuery query, const std::string& watch, bool json) {
    const auto parsed = parse_duration(watch);
    if (!parsed || *parsed < Duration{0} || *parsed > std::chrono::hours{24}) {
        return usage_error("--watch: a duration up to 24h is allowed, such as 5s");
    }
    query.watch = *parsed;
    const auto comparison = compare_clocks(query);
    if (!comparison) {
        std::fprintf(stderr, "berkeleyctl: %s\n", comparison.error().c_str());
        return 1;
    }
    const std::string text = json ? as_json(*comparison) + "\n" : as_table(*comparison);
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
    CLI::App app{"Asks running Berkeley nodes.", "berkeleyctl"};
    app.set_version_flag("--version", "berkeleyctl " BERKELEY_VERSION);
    app.require_subcommand(1);
    app.footer("Examples:\n"
               "  berkeleyctl status                                  the master on this machine\n"
               "  berkeleyctl status --poll tcp://10.0.0.2:5250       another candidate\n"
               "  berkeleyctl status --json | jq .members             for scripts\n"
               "  berkeleyctl clock /dev/shm/berkeley/default/*       the clocks of this machine's nodes\n"
               "Exit codes: 0 answered, 1 no answer, 2 bad usage.");
    std::string poll = "tcp://127.0.0.1:5250";
    std::string cluster = "default";
    std::string timeout = "2s";
    bool json = false;
    CLI::App* status = app.add_subcommand("status", "Role, term and members of a master or standby");
    status->add_option("--poll", poll, "Its poll endpoint")->capture_default_str();
    status->add_option("--cluster", cluster, "Name of the cluster")->capture_default_str();
    status->add_option("--timeout", timeout, "Give up after this long")->capture_default_str();
    status->add_flag("--json", json, "One JSON object instead of a table");
    CLI::App* clock = app.add_subcommand("clock", "Cluster time, bound and spread of clock pages on this machine");
    ClockQuery query;
    std::string watch = "0";
    clock->add_option("pages", query.pages, "Clock pages, such as /dev/shm/berkeley/default/s1")->required();
    clock->add_option("--watch", watch, "Go on for this long and print the widest spread seen")->capture_default_str();
    clock->add_flag("--json", json, "One JSON object instead of a table");
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (!command.empty() && command.front() != '-' && command != "status" && command != "clock") {
        return usage_error("'" + std::string(command.substr(0, 60)) + "' is no command: status or clock is allowed");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        return usage_error(std::string(error.what()) + " (see berkeleyctl --help)");
    }
    if (clock->parsed()) return run_clock(query, watch, json);
    return run_status(poll, cluster, timeout, json);
}

}  // namespace
}  // namespace berkeley::ctl

int main(int argc, char** argv) { return berkeley::ctl::run(argc, argv); }
