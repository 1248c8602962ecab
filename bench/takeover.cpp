#include "bench/takeover.hpp"

#include <unistd.h>

#include <csignal>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include "base/prng.hpp"
#include "bench/accuracy_clocks.hpp"
#include "bench/child_process.hpp"
#include "bench/event_tail.hpp"
#include "bench/interrupt_guard.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Json = nlohmann::json;

constexpr Duration kStartPatience = seconds{30};
constexpr Duration kWatched = seconds{2};  ///< from a kill on, and as long before it
constexpr int kAttempts = 10;              ///< to find a master that stays one
constexpr Duration kLook = milliseconds{2};

struct Profile {
    std::string name;
    std::vector<std::string> arguments;
};

/// One process, under the same name and endpoints through all its lives.
struct Node {
    std::string id;
    std::string program;
    std::vector<std::string> arguments;
    std::optional<ChildProcess> process;
    std::unique_ptr<EventTail> events;
    std::string role;
    std::uint64_t lives = 0;
};

std::string beside_this(const std::string& program) {
    char path[4096];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
    const std::string self(path, length > 0 ? static_cast<std::size_t>(length) : 0);
    return self.substr(0, self.rfind('/') + 1) + program;
}

class TakeoverRun {
public:
    TakeoverRun(const TakeoverOptions& options, Profile profile, TemporaryFolder folder, Progress& progress,
                std::uint64_t done)
        : options_(options),
          profile_(std::move(profile)),
          folder_(std::move(folder)),
          prng_(options.seed),
          progress_(progress),
          done_(done) {}

    Result<void> run();
    void into(Report& report) const {
        report.rows.push_back(first_heartbeat_.row("first_heartbeat_" + profile_.name, "ms"));
        report.rows.push_back(first_correction_.row("first_correction_" + profile_.name, "ms"));
        report.rows.push_back(spread_before_.row("spread_before_" + profile_.name, "us"));
        report.rows.push_back(spread_.row("spread_through_" + profile_.name, "us"));
        report.violations += violations_;
        report.machine.emplace_back("moved_" + profile_.name,
                                    std::to_string(moved_) + " leaderships without a kill");
    }

private:
    Result<void> launch(Node& node, std::vector<std::string> more);
    Result<void> start_all();
    Result<Json> await(Node& node, const std::function<bool(const Json&)>& wanted);
    Result<void> await_steady();
    Result<void> settle();
    bool master_leads();
    Result<ClockWatch> watch_living();
    Result<void> kill_one();
    void look(const ClockWatch& watch);
    std::string page(const Node& node) const { return folder_.file("page-" + node.id); }

    TakeoverOptions options_;
    Profile profile_;
    TemporaryFolder folder_;
    Prng prng_;
    Progress& progress_;
    std::uint64_t done_;
    std::vector<Node> candidates_{2};
    std::vector<std::string> polls_{2};
    std::vector<Node> slaves_;
    std::size_t master_ = 0;
    std::uint64_t term_ = 0;
    std::int64_t widest_ns_ = 0;
    Samples first_heartbeat_;
    Samples first_correction_;
    Samples spread_before_;
    Samples spread_;
    std::uint64_t violations_ = 0;
    std::uint64_t moved_ = 0;
};

Result<void> TakeoverRun::launch(Node& node, std::vector<std::string> more) {
    const std::string out = folder_.file(node.id + "-" + std::to_string(++node.lives) + ".json");
    Launch launch;
    launch.program = beside_this(node.program);
    launch.arguments = node.arguments;
    for (const auto& list : {profile_.arguments, more}) {
        launch.arguments.insert(launch.arguments.end(), list.begin(), list.end());
    }
    for (const std::string& argument :
         {std::string{"--id"}, node.id, std::string{"--cluster"}, std::string{"bench"},
          std::string{"--state-dir"}, folder_.file("state-" + node.id), std::string{"--clock-page"},
          page(node), std::string{"--json"}}) {
        launch.arguments.push_back(argument);
    }
    launch.out = out;
    launch.err = folder_.file(node.id + ".log");
    auto process = ChildProcess::start(launch);
    if (!process) return failure(process.error());
    node.process.emplace(std::move(*process));
    node.events = std::make_unique<EventTail>(out);
    return {};
}

Result<Json> TakeoverRun::await(Node& node, const std::function<bool(const Json&)>& wanted) {
    const TrueTime end = true_now() + kStartPatience;
    while (true_now() < end) {
        if (const auto go_on = InterruptGuard::check(); !go_on) return failure(go_on.error());
        for (const Json& event : node.events->take()) {
            if (event["event"] == "role") node.role = event["role"];
            if (event["event"] == "role") term_ = std::max(term_, event["term"].get<std::uint64_t>());
            if (wanted(event)) return event;
        }
        if (!node.process->running())
            return failure(node.id + " ended: " + read_file(folder_.file(node.id + ".log")));
        std::this_thread::sleep_for(kLook);
    }
    return failure(node.id + " is not ready after 30 s");
}

Result<void> TakeoverRun::start_all() {
    const std::string interval = std::to_string(options_.interval.count()) + "ns";
    for (std::size_t i = 0; i < 2; ++i) {
        Node& node = candidates_[i];
        node.id = "m" + std::to_string(i + 1);
        node.program = "berkeley-master";
        node.arguments = {"--interval", interval, "--priority", i == 0 ? "100" : "50"};
        std::vector<std::string> first{"--poll",      "tcp://127.0.0.1:0", "--publish", "tcp://127.0.0.1:0",
                                       "--heartbeat", "tcp://127.0.0.1:0"};
        if (i == 1) first.insert(first.end(), {"--standby", "--peer", polls_[0]});
        if (auto started = launch(node, first); !started) return started;
        const auto ready = await(node, [](const Json& e) { return e["event"] == "ready"; });
        if (!ready) return failure(ready.error());
        const Json& endpoints = (*ready)["endpoints"];
        for (const char* name : {"poll", "publish", "heartbeat"}) {
            node.arguments.push_back(std::string("--") + name);
            node.arguments.push_back(endpoints[name].get<std::string>());
        }
        polls_[i] = endpoints["poll"].get<std::string>();
    }
    slaves_.resize(options_.slaves);
    for (std::size_t i = 0; i < slaves_.size(); ++i) {
        Node& node = slaves_[i];
        node.id = "s" + std::to_string(i + 1);
        node.program = "berkeley-slave";
        node.arguments = {
            "--master", polls_[0],
            "--clock-offset=" + std::to_string(static_cast<std::int64_t>(prng_.uniform(-3600, 3600))) + "s",
            "--clock-drift=" + std::to_string(prng_.uniform(-50, 50))};
        if (auto started = launch(node, {}); !started) return started;
    }
    const auto leads =
        await(candidates_[0], [](const Json& e) { return e["event"] == "role" && e["role"] == "master"; });
    return leads ? Result<void>{} : failure(leads.error());
}

Result<void> TakeoverRun::await_steady() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        Node& standby = candidates_[1 - master_];
        const auto is_standby = [](const Json& e) { return e["event"] == "role" && e["role"] == "standby"; };
        if (standby.role != "standby") {
            if (const auto found = await(standby, is_standby); !found) return failure(found.error());
        }
        for (Node& slave : slaves_) {
            if (slave.role == "synchronized") continue;
            const auto done = await(
                slave, [](const Json& e) { return e["event"] == "status" && e["status"] == "SYNCHRONIZED"; });
            if (!done) return failure(done.error());
            slave.role = "synchronized";
        }
        if (auto watched = settle(); !watched) return watched;
        if (master_leads()) return {};
        ++moved_;
    }
    return failure("no master keeps its lease on this machine");
}

Result<void> TakeoverRun::settle() {
    const auto watch = watch_living();
    if (!watch) return failure(watch.error());
    // A random phase within the round, so that kills meet all of them.
    const TrueTime end = true_now() + options_.settle +
                         Duration{static_cast<std::int64_t>(
                             prng_.below(static_cast<std::uint64_t>(options_.interval.count())))};
    widest_ns_ = 0;
    while (true_now() < end) {
        if (auto go_on = InterruptGuard::check(); !go_on) return go_on;
        if (end - true_now() < kWatched) look(*watch);
        std::this_thread::sleep_for(kLook);
    }
    return {};
}

/// Whether the leadership is where it was. A master that the machine did not run for the length of its lease
/// has lost it; then the other one is the next to be killed.
bool TakeoverRun::master_leads() {
    for (Node& node : candidates_) {
        for (const Json& event : node.events->take()) {
            if (event["event"] == "role") node.role = event["role"];
        }
    }
    if (candidates_[master_].role == "master" && candidates_[1 - master_].role == "standby") return true;
    if (candidates_[1 - master_].role == "master") master_ = 1 - master_;
    return false;
}

/// The clocks that live on: the standby's and the slaves'.
Result<ClockWatch> TakeoverRun::watch_living() {
    std::vector<std::string> pages{page(candidates_[1 - master_])};
    for (Node& slave : slaves_) pages.push_back(page(slave));
    return ClockWatch::open(pages);
}

void TakeoverRun::look(const ClockWatch& watch) {
    const auto sweep = watch.sweep();
    if (!sweep) return;
    widest_ns_ = std::max(widest_ns_, sweep->spread_ns());
    std::int64_t left = std::numeric_limits<std::int64_t>::min();
    std::int64_t right = std::numeric_limits<std::int64_t>::max();
    for (const Reading& clock : sweep->clocks) {
        if (clock.status != BERKELEY_CLOCK_SYNCHRONIZED) continue;
        left = std::max(left, clock.now_ns - clock.bound_ns);
        right = std::min(right, clock.now_ns + clock.bound_ns);
    }
    if (left > right) ++violations_;
}

Result<void> TakeoverRun::kill_one() {
    Node& killed = candidates_[master_];
    Node& heir = candidates_[1 - master_];
    const auto watch = watch_living();
    if (!watch) return failure(watch.error());
    for (Node& slave : slaves_) slave.events->take();
    spread_before_.add(static_cast<double>(widest_ns_) * 1e-3);

    const std::int64_t killed_ns = to_ns(true_now());
    ::kill(killed.process->pid(), SIGKILL);
    killed.process->wait();
    widest_ns_ = 0;
    std::vector<bool> corrected(slaves_.size(), false);
    std::size_t missing = slaves_.size();
    bool beat = false;
    const TrueTime end = true_now() + kWatched;
    const TrueTime patience = true_now() + seconds{10};
    while (true_now() < end || (missing > 0 && true_now() < patience)) {
        if (auto go_on = InterruptGuard::check(); !go_on) return go_on;
        look(*watch);
        const auto after = [&](const Json& e) {
            return static_cast<double>(e["raw_ns"].get<std::int64_t>() - killed_ns) * 1e-6;
        };
        for (const Json& event : heir.events->take()) {
            if (event["event"] != "role") continue;
            heir.role = event["role"];
            if (heir.role != "warmup") continue;
            if (!beat) first_heartbeat_.add(after(event));
            beat = true;
            term_ = event["term"];
        }
        for (std::size_t i = 0; i < slaves_.size(); ++i) {
            for (const Json& event : slaves_[i].events->take()) {
                if (event["event"] != "correction") continue;
                if (event["applied"] == "step") ++violations_;
                if (corrected[i] || !beat || event["term"].get<std::uint64_t>() < term_) continue;
                corrected[i] = true;
                --missing;
                first_correction_.add(after(event));
            }
        }
        std::this_thread::sleep_for(kLook);
    }
    violations_ += missing;
    spread_.add(static_cast<double>(widest_ns_) * 1e-3);
    master_ = 1 - master_;
    killed.role.clear();
    return launch(killed, {"--standby", "--peer", polls_[master_]});
}

Result<void> TakeoverRun::run() {
    if (auto started = start_all(); !started) return started;
    for (std::uint32_t i = 0; i < options_.kills; ++i) {
        progress_.update(done_ + i);
        if (auto steady = await_steady(); !steady) return steady;
        if (auto done = kill_one(); !done) return done;
    }
    // All at once, and not one after the other.
    for (std::vector<Node>* nodes : {&slaves_, &candidates_}) {
        for (Node& node : *nodes) node.process->ask_to_end();
    }
    return {};
}

}  // namespace

Result<Report> run_takeover(const TakeoverOptions& options) {
    const InterruptGuard guard;
    std::vector<Profile> profiles;
    if (options.default_profile) profiles.push_back({"default", {}});
    if (options.fast_profile) {
        profiles.push_back({"fast", {"--heartbeat-interval", "20ms", "--heartbeat-timeout", "100ms"}});
    }
    Report report;
    report.bench = "takeover";
    report.machine = machine_facts({{"kills", std::to_string(options.kills) + " of each profile"},
                                    {"slaves", std::to_string(options.slaves)}});
    Progress progress("takeover", options.kills * profiles.size());
    std::uint64_t done = 0;
    for (const Profile& profile : profiles) {
        auto folder = TemporaryFolder::create();
        if (!folder) return failure(folder.error());
        TakeoverRun run(options, profile, std::move(*folder), progress, done);
        if (const auto ran = run.run(); !ran) return failure(ran.error());
        run.into(report);
        done += options.kills;
    }
    for (const Quantile quantile : {Quantile::p50, Quantile::p99}) {
        add_ratio(report, "first_heartbeat_fast", "first_heartbeat_default", quantile);
        add_ratio(report, "first_correction_fast", "first_correction_default", quantile);
        for (const Profile& profile : profiles) {
            add_ratio(report, "spread_through_" + profile.name, "spread_before_" + profile.name, quantile);
        }
    }
    return report;
}

}  // namespace berkeley::bench
