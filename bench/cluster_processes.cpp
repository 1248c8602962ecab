#include "bench/cluster_processes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/duration_text.hpp"
#include "base/prng.hpp"

namespace berkeley::bench {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto kReadyPatience = std::chrono::seconds{10};
constexpr auto kReadyCheck = std::chrono::milliseconds{5};

std::string beside_us(const std::string& name) {
    std::error_code ignored;
    return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name).string();
}

std::string last_line(const std::string& text) {
    const auto end = text.find_last_not_of('\n');
    if (end == std::string::npos) return "its log is empty";
    const auto before = text.find_last_of('\n', end);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    return text.substr(begin, end + 1 - begin);
}

std::vector<std::string> injected_error(Prng& prng) {
    const auto offset = static_cast<std::int64_t>(prng.uniform(-1, 1) *
                                                  static_cast<double>(Duration{kInjectedOffsetMax}.count()));
    const double drift_ppm = prng.uniform(-1, 1) * static_cast<double>(kInjectedDriftMaxPpb) / 1000;
    return {"--clock-offset=" + duration_literal(Duration{offset}),
            fmt::format("--clock-drift={:.3f}", drift_ppm)};
}

}  // namespace

Result<void> ClusterProcesses::check_programs() {
    for (const char* name : {"berkeley-master", "berkeley-slave"}) {
        const std::string program = beside_us(name);
        if (::access(program.c_str(), X_OK) != 0) {
            return failure("'" + program + "' is missing: accuracy runs the programs beside berkeley-bench");
        }
    }
    return {};
}

Result<ClusterProcesses> ClusterProcesses::start(const TemporaryFolder& folder,
                                                 const ClusterOptions& options) {
    ClusterProcesses cluster{folder};
    Prng prng{options.seed};
    const std::string any_port = "tcp://127.0.0.1:0";
    std::vector<std::string> arguments = injected_error(prng);
    for (const char* endpoint : {"--poll", "--publish", "--heartbeat"}) {
        arguments.insert(arguments.end(), {endpoint, any_port});
    }
    arguments.insert(arguments.end(), {"--json", "--interval", duration_literal(options.interval), "--burst",
                                       std::to_string(options.burst)});
    if (auto added = cluster.add("master", "berkeley-master", std::move(arguments)); !added) {
        return failure(added.error());
    }
    const auto poll = cluster.await_master();
    if (!poll) return failure(poll.error());
    for (std::uint32_t i = 1; i <= options.slaves; ++i) {
        arguments = injected_error(prng);
        arguments.insert(arguments.end(), {"--master", *poll});
        auto added = cluster.add("slave-" + std::to_string(i), "berkeley-slave", std::move(arguments));
        if (!added) return failure(added.error());
    }
    return cluster;
}

Result<void> ClusterProcesses::add(const std::string& id, const std::string& program,
                                   std::vector<std::string> arguments) {
    const std::string page = folder_->file(id + ".page");
    // A cluster name of our own: nodes that run here anyway are none of ours.
    arguments.insert(arguments.end(), {"--id", id, "--cluster", "bench-" + std::to_string(::getpid()),
                                       "--state-dir", folder_->file(id + ".state"), "--clock-page", page});
    auto process = ChildProcess::start(
        {beside_us(program), std::move(arguments), folder_->file(id + ".json"), folder_->file(id + ".log")});
    if (!process) return failure(process.error());
    ids_.push_back(id);
    pages_.push_back(page);
    processes_.push_back(std::move(*process));
    return {};
}

/// Its poll endpoint, once it is ready.
Result<std::string> ClusterProcesses::await_master() {
    const auto deadline = SteadyClock::now() + kReadyPatience;
    while (SteadyClock::now() < deadline) {
        if (const auto alive = check(); !alive) return failure(alive.error());
        std::istringstream lines(read_file(folder_->file("master.json")));
        for (std::string line; std::getline(lines, line);) {
            const auto event = nlohmann::json::parse(line, nullptr, false);
            if (!event.is_discarded() && event.value("event", "") == "ready") {
                return event["endpoints"].value("poll", std::string{});
            }
        }
        std::this_thread::sleep_for(kReadyCheck);
    }
    return failure("the master was not ready in time");
}

Result<void> ClusterProcesses::check() {
    for (std::size_t i = 0; i < processes_.size(); ++i) {
        if (processes_[i].running()) continue;
        return failure(fmt::format("{} has ended (code {}): {}", ids_[i], processes_[i].wait(),
                                   last_line(read_file(folder_->file(ids_[i] + ".log")))));
    }
    return {};
}

ClusterProcesses::~ClusterProcesses() {
    for (const ChildProcess& process : processes_) process.ask_to_end();
}

}  // namespace berkeley::bench
