// Two candidates and some slaves on this machine. All share CLOCK_MONOTONIC_RAW, in which every JSON event is
// stamped, so the times from the kill are exact, whichever process tells them. The killed one comes back as
// the standby, with its state, and is the next one's successor.

#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "base/duration_text.hpp"
#include "base/prng.hpp"
#include "bench/benchmarks.hpp"
#include "bench/interrupt_guard.hpp"
#include "os/os_clock.hpp"
#include "tests/harness/clock_watch.hpp"
#include "tests/harness/cluster.hpp"

namespace berkeley::bench {

namespace {

using harness::ClockWatch;
using harness::is;
using harness::Json;
using harness::Process;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kStartPatience{30};
constexpr Duration kWatched = seconds{2};  ///< from a kill on, and as long before it
constexpr Duration kCorrectionPatience = seconds{10};
constexpr int kAttempts = 10;  ///< to find a master that stays one
constexpr Duration kLook = milliseconds{2};

struct Profile {
    std::string name;
    std::vector<std::string> arguments;
};

/// One process, under the same name and endpoints through all its lives.
struct Node {
    std::string id;
    std::string priority{};
    Process* process = nullptr;
    std::string role{};
    bool synchronized = false;
};

harness::ClusterSetup setup_of(const TakeoverOptions& options, const Profile& profile) {
    return {.master_program = harness::beside_this_program("berkeley-master"),
            .slave_program = harness::beside_this_program("berkeley-slave"),
            .interval = duration_literal(options.interval),
            .tcp = true,
            .equip = [arguments = profile.arguments](const std::string&) { return arguments; }};
}

class TakeoverRun {
public:
    TakeoverRun(const TakeoverOptions& options, Profile profile, harness::TemporaryFolder folder)
        : options_(options),
          profile_(std::move(profile)),
          cluster_(setup_of(options, profile_), std::move(folder)),
          prng_(options.seed) {}

    Result<void> run(const std::function<void(std::uint32_t)>& progress);
    void into(Report& report) const;

private:
    Result<void> start_all();
    Result<void> wait_for(const std::string& what, const std::function<bool()>& predicate);
    Result<void> await_steady();
    Result<void> settle();
    Result<ClockWatch> watch_living() const;
    Result<void> kill_one();
    std::vector<Json> hear(Node& node);
    void look(const ClockWatch& watch);
    /// As the other's standby, from the second life on too.
    Process* start_standby(const Node& node, const std::string& peer) {
        return &cluster_.master(node.id,
                                {"--standby", "--peer", cluster_.url(peer), "--priority", node.priority});
    }
    Node& master() { return candidates_[master_]; }
    Node& standby() { return candidates_[1 - master_]; }

    TakeoverOptions options_;
    Profile profile_;
    harness::Cluster cluster_;
    Prng prng_;
    std::vector<Node> candidates_{{"m1", "100"}, {"m2", "50"}};
    std::vector<Node> slaves_;
    std::size_t master_ = 0;
    std::int64_t widest_ns_ = 0;
    Samples first_heartbeat_;
    Samples first_correction_;
    Samples spread_before_;
    Samples spread_;
    std::uint64_t violations_ = 0;
    std::uint64_t moved_ = 0;
};

/// Its new events, which the node's role and status follow.
std::vector<Json> TakeoverRun::hear(Node& node) {
    std::vector<Json> events = node.process->take();
    for (const Json& event : events) {
        if (is(event, "role")) node.role = event["role"].get<std::string>();
        if (is(event, "status")) node.synchronized = event["status"] == "SYNCHRONIZED";
    }
    return events;
}

Result<void> TakeoverRun::wait_for(const std::string& what, const std::function<bool()>& predicate) {
    std::string why = what + " after 30 s";
    const bool held = cluster_.wait_for(
        [&] {
            if (const auto go_on = InterruptGuard::check(); !go_on)
                why = go_on.error();
            else if (std::string ended = cluster_.ended(); !ended.empty())
                why = std::move(ended);
            else
                return predicate();
            return true;
        },
        kStartPatience);
    return held && predicate() ? Result<void>{} : failure(why);
}

Result<void> TakeoverRun::start_all() {
    candidates_[0].process = &cluster_.master("m1", {"--priority", "100"});
    if (!cluster_.await_urls("m1")) return failure("m1 is not ready: " + candidates_[0].process->log());
    candidates_[1].process = start_standby(candidates_[1], "m1");
    if (!cluster_.await_urls("m2")) return failure("m2 is not ready: " + candidates_[1].process->log());
    for (std::uint32_t i = 1; i <= options_.slaves; ++i) {
        const std::string id = "s" + std::to_string(i);
        const auto offset = static_cast<std::int64_t>(prng_.uniform(-3600, 3600));
        slaves_.push_back({id,
                           {},
                           &cluster_.slave(id, {"--clock-offset=" + std::to_string(offset) + "s",
                                                "--clock-drift=" + std::to_string(prng_.uniform(-50, 50))})});
    }
    return wait_for("m1 does not lead", [&] {
        hear(candidates_[0]);
        return candidates_[0].role == "master";
    });
}

/// Until the leadership is where it was, the other candidate stands by, and all clocks have settled. A master
/// that the machine did not run for the length of its lease has lost it; then the other one is the next to be
/// killed.
Result<void> TakeoverRun::await_steady() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const auto steady = wait_for("not all nodes are synchronized", [&] {
            bool all = true;
            for (Node& node : candidates_) hear(node);
            for (Node& node : slaves_) {
                hear(node);
                all = all && node.synchronized;
            }
            return all && standby().role == "standby";
        });
        if (!steady) return steady;
        if (const auto settled = settle(); !settled) return settled;
        if (master().role == "master" && standby().role == "standby") return {};
        if (standby().role == "master") master_ = 1 - master_;
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
        for (Node& node : candidates_) hear(node);
        std::this_thread::sleep_for(kLook);
    }
    return {};
}

/// The clocks that live on: the standby's and the slaves'.
Result<ClockWatch> TakeoverRun::watch_living() const {
    std::vector<std::string> pages{cluster_.page(candidates_[1 - master_].id)};
    for (const Node& slave : slaves_) pages.push_back(cluster_.page(slave.id));
    return ClockWatch::open(pages);
}

void TakeoverRun::look(const ClockWatch& watch) {
    const auto sweep = watch.sweep();
    if (!sweep) return;
    widest_ns_ = std::max(widest_ns_, sweep->spread_ns());
    std::int64_t left = std::numeric_limits<std::int64_t>::min();
    std::int64_t right = std::numeric_limits<std::int64_t>::max();
    for (const harness::Reading& clock : sweep->clocks) {
        if (clock.status != BERKELEY_CLOCK_SYNCHRONIZED) continue;
        left = std::max(left, clock.now_ns - clock.bound_ns);
        right = std::min(right, clock.now_ns + clock.bound_ns);
    }
    if (left > right) ++violations_;
}

Result<void> TakeoverRun::kill_one() {
    const auto watch = watch_living();
    if (!watch) return failure(watch.error());
    for (Node& slave : slaves_) hear(slave);
    spread_before_.add(static_cast<double>(widest_ns_) * 1e-3);

    const std::int64_t killed_ns = to_ns(true_now());
    cluster_.forget(*master().process);
    const auto after_ms = [&](const Json& e) {
        return static_cast<double>(e["raw_ns"].get<std::int64_t>() - killed_ns) * 1e-6;
    };
    widest_ns_ = 0;
    std::vector<bool> corrected(slaves_.size(), false);
    std::size_t missing = slaves_.size();
    std::optional<std::uint64_t> new_term;
    const TrueTime end = true_now() + kWatched;
    const TrueTime patience = true_now() + kCorrectionPatience;
    while (true_now() < end || (missing > 0 && true_now() < patience)) {
        if (auto go_on = InterruptGuard::check(); !go_on) return go_on;
        look(*watch);
        for (const Json& event : hear(standby())) {
            if (!is(event, "role") || event["role"] != "warmup") continue;
            if (!new_term) first_heartbeat_.add(after_ms(event));
            new_term = event["term"].get<std::uint64_t>();
        }
        for (std::size_t i = 0; i < slaves_.size(); ++i) {
            for (const Json& event : hear(slaves_[i])) {
                if (!is(event, "correction")) continue;
                if (event["applied"] == "step") ++violations_;
                if (corrected[i] || !new_term || event["term"] < *new_term) continue;
                corrected[i] = true;
                --missing;
                first_correction_.add(after_ms(event));
            }
        }
        std::this_thread::sleep_for(kLook);
    }
    violations_ += missing;
    spread_.add(static_cast<double>(widest_ns_) * 1e-3);
    Node& killed = master();
    master_ = 1 - master_;
    killed.role.clear();
    killed.process = start_standby(killed, master().id);
    return {};
}

Result<void> TakeoverRun::run(const std::function<void(std::uint32_t)>& progress) {
    if (auto started = start_all(); !started) return started;
    for (std::uint32_t i = 0; i < options_.kills; ++i) {
        progress(i);
        if (auto steady = await_steady(); !steady) return steady;
        if (auto done = kill_one(); !done) return done;
    }
    return {};
}

void TakeoverRun::into(Report& report) const {
    report.rows.push_back(first_heartbeat_.row("first_heartbeat_" + profile_.name, "ms"));
    report.rows.push_back(first_correction_.row("first_correction_" + profile_.name, "ms"));
    report.rows.push_back(spread_before_.row("spread_before_" + profile_.name, "us"));
    report.rows.push_back(spread_.row("spread_through_" + profile_.name, "us"));
    report.violations += violations_;
    report.machine.emplace_back("moved_" + profile_.name,
                                std::to_string(moved_) + " leaderships without a kill");
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
        auto folder = harness::TemporaryFolder::create("berkeley-bench");
        if (!folder) return failure(folder.error());
        TakeoverRun run(options, profile, std::move(*folder));
        if (const auto ran = run.run([&](std::uint32_t kills) { progress.update(done + kills); }); !ran)
            return failure(ran.error());
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
