#include "ctl/clock_commands.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/option_kinds.hpp"

namespace berkeley::ctl {

namespace {

constexpr DurationRange kClockWatch{Duration{0}, std::chrono::hours{24}};
constexpr DurationRange kWaitBound{Duration{0}, std::chrono::hours{1}};
constexpr DurationRange kWaitTimeout{Duration{0}, std::chrono::hours{24 * 365}};

int complain(const std::string& line, int code = 1) {
    std::fprintf(stderr, "berkeleyctl: %s\n", line.c_str());
    return code;
}

int print_out(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

ClockCommands::ClockCommands(std::vector<std::string>& arguments) {
    if (arguments.empty() || arguments.front() != "run") return;
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    if (dashes == arguments.end()) return;
    run_query_.command.assign(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
}

void ClockCommands::add_to(CommandLine& app) {
    clock_ = &add_clock(app);
    wait_ = &add_wait(app);
    run_ = &add_run(app);
}

bool ClockCommands::given() const { return clock_->given() || wait_->given() || run_->given(); }

int ClockCommands::run() const {
    if (clock_->given()) return run_clock();
    return wait_->given() ? run_wait() : run_run();
}

Command& ClockCommands::add_clock(CommandLine& app) {
    Command& clock =
        app.add_command("clock", "Cluster time, bound and spread of clock pages on this machine");
    add_texts(clock, {"pages", "Clock pages, such as /dev/shm/berkeley/default/s1", "PAGE"},
              clock_query_.pages, Values::several);
    clock.require("pages");
    add_duration(clock, "--watch", clock_query_.watch, kClockWatch,
                 "Keep reading for this long and print the widest spread seen");
    clock.add_flag("--json", json_, "One JSON object instead of a table");
    clock.footer(
        "Examples:\n"
        "  berkeleyctl clock /dev/shm/berkeley/default/*       the clocks of this machine's nodes\n"
        "  berkeleyctl clock --watch 5s --json /dev/shm/berkeley/default/* | jq .spread_ns\n"
        "`age` is the time since the measurement behind the last correction; `node` says whether the node\n"
        "runs, which writes its page every second. A node that the others disagree with is `suspect`.\n"
        "In --json, `disruption` counts how often the page's clock may have jumped, from a random number "
        "on:\n"
        "two readings with the same count are of one clock. `disruptions` of berkeleyctl status counts only\n"
        "the jumps of a clock that was already synchronized. An unknown bound is null.");
    return clock;
}

Command& ClockCommands::add_wait(CommandLine& app) {
    Command& wait = app.add_command("wait", "Wait until this machine's clock is synchronized");
    add_texts(wait, {"page", "Clock page; need not exist yet [the only one]", "PAGE"}, wait_pages_,
              Values::one);
    add_duration(wait, "--bound", wait_query_.bound, kWaitBound,
                 "Also wait until its error bound is no more than this; 0: any");
    add_duration(wait, "--timeout", wait_query_.timeout, kWaitTimeout, "Give up after this long");
    wait.footer(
        "Examples:\n"
        "  berkeleyctl wait --bound 100us --timeout 30s && start-database\n"
        "  berkeleyctl wait /dev/shm/berkeley/default/s1       a certain page, once it is there\n"
        "Exit codes: 0 synchronized, 1 not within the timeout, 2 bad usage.");
    return wait;
}

Command& ClockCommands::add_run(CommandLine& app) {
    Command& run = app.add_command("run", "Start a command at an instant of cluster time");
    add_text(run, {"--at", "When: +2s from now, or 2026-12-01T12:00:00Z of cluster time", "INSTANT"},
             run_query_.at);
    run.require("--at");
    add_text(run, {"--page", "Clock page [the only one]", "PAGE"}, run_query_.page);
    run.add_flag("--allow-holdover", run_query_.allow_holdover,
                 "Also by a clock that hears no master: other nodes may follow a new one");
    run.footer(
        "Examples:\n"
        "  berkeleyctl run --at +2s -- date +%s.%N\n"
        "  berkeleyctl run --at 2026-12-01T12:00:00Z -- ./experiment     on every machine at once\n"
        "The command replaces berkeleyctl, so its exit code is the one seen.\n"
        "Exit codes: 1 the clock is not synchronized or the instant is over, 2 bad usage, 126 and 127 the\n"
        "command cannot be executed or found.");
    return run;
}

int ClockCommands::run_clock() const {
    const ClockComparison comparison = compare_clocks(clock_query_);
    for (const std::string& line : comparison.errors) complain(line);
    const int code = comparison.errors.empty() ? 0 : 1;
    if (comparison.pages.empty()) return code;
    return std::max(code, print_out(json_ ? as_json(comparison) + "\n" : as_table(comparison)));
}

int ClockCommands::run_wait() const {
    WaitQuery query = wait_query_;
    if (!wait_pages_.empty()) query.page = wait_pages_.front();
    query.progress = ::isatty(STDERR_FILENO) == 1;
    const auto done = wait_for_clock(query);
    return done ? print_out(*done + "\n") : complain(done.error());
}

int ClockCommands::run_run() const {
    if (run_query_.command.empty() || run_query_.command.front().empty())
        return complain("run: name the command after --, such as: run --at +2s -- date", 2);
    const RunFailure failure = run_at(run_query_);
    return complain(failure.why, failure.code);
}

}  // namespace berkeley::ctl
