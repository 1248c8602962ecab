// The commands of berkeleyctl that read clock pages: clock, wait and run. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "ctl/clock_pages.hpp"
#include "ctl/clock_timing.hpp"

namespace berkeley::ctl {

class ClockCommands {
public:
    /// Takes what follows `--` in the arguments of `run` out of them: it is no option of ours.
    explicit ClockCommands(std::vector<std::string>& arguments);

    void add_to(CommandLine& app);
    /// Whether one of these commands was given.
    bool given() const;
    /// Returns the exit code.
    int run() const;

private:
    Command& add_clock(CommandLine& app);
    Command& add_wait(CommandLine& app);
    Command& add_run(CommandLine& app);
    int run_clock() const;
    int run_wait() const;
    int run_run() const;

    const Command* clock_ = nullptr;
    const Command* wait_ = nullptr;
    const Command* run_ = nullptr;
    ClockQuery clock_query_;
    bool json_ = false;
    WaitQuery wait_query_;
    std::vector<std::string> wait_pages_;
    RunQuery run_query_;
};

}  // namespace berkeley::ctl
