#include "tests/integration/fault_cluster.hpp"

#include <algorithm>

#include "berkeley/clock.h"

namespace berkeley::test {
namespace {

using Clock = std::chrono::steady_clock;

/// The event in a node's history that it lost its state; after it terms may begin anew.
constexpr const char* kForgot = "forgot";

bool is_applied(const Json& event) { return is(event, "correction") && event["applied"] != "refused"; }

std::string last(const Process& process, const char* name, const char* field) {
    std::string value;
    for (const Json& e : process.events()) {
        if (is(e, name)) value = e[field].get<std::string>();
    }
    return value;
}

std::vector<std::string> wrong_clock(std::size_t number) {
    const int n = static_cast<int>(number);
    const int sign = n % 2 == 0 ? 1 : -1;
    return {"--clock-offset=" + std::to_string(sign * 700 * n) + "ms",
            "--clock-drift=" + std::to_string(sign * 5 * n)};
}

}  // namespace

void Faults::SetUp() {
    if (const std::string why = Network::unavailable(); !why.empty()) GTEST_SKIP() << why;
    network_ = std::make_unique<Network>();
}

void Faults::TearDown() {
    auto nodes = lives_;
    for (const auto& [id, process] : nodes_) nodes[id].push_back(process->events());
    for (const auto& [id, lives] : nodes) {
        check_terms(id, lives);
        check_steps(id, lives);
    }
    check_order(nodes);
}

void Faults::build(const std::vector<std::string>& candidates, const std::vector<std::string>& slaves,
                   const std::map<std::string, std::vector<std::string>>& extra) {
    candidates_ = candidates;
    extra_ = extra;
    std::vector<std::string> all = candidates;
    all.insert(all.end(), slaves.begin(), slaves.end());
    for (const std::string& id : all) {
        network_->add(id);
        extra_.try_emplace(id, wrong_clock(extra_.size()));
    }
    for (const std::string& id : all) start(id);
    expect_all_together();
    expect_full_committee();
}

void Faults::start(const std::string& id) {
    const auto url = [&](const std::string& node, int port) {
        return "tcp://" + network_->address(node) + ":" + std::to_string(port);
    };
    const auto place = std::find(candidates_.begin(), candidates_.end(), id);
    const bool candidate = place != candidates_.end();
    std::vector<std::string> arguments = extra_.at(id);
    if (candidate) {
        const auto priority = std::to_string(100 - 10 * (place - candidates_.begin()));
        arguments.insert(arguments.end(), {"--insecure", "--interval", "250ms", "--priority", priority});
        arguments.insert(arguments.end(), {"--poll", url(id, 5250), "--publish", url(id, 5251)});
        arguments.insert(arguments.end(), {"--heartbeat", url(id, 5252)});
        if (place != candidates_.begin()) arguments.emplace_back("--standby");
    }
    for (const std::string& other : candidates_) {
        if (other == id) continue;
        arguments.insert(arguments.end(), {candidate ? "--peer" : "--master", url(other, 5250)});
    }
    cluster_.wrap(network_->wrapper(id));
    const char* program = candidate ? BERKELEY_MASTER_PROGRAM : BERKELEY_SLAVE_PROGRAM;
    nodes_[id] = &cluster_.start(program, id, std::move(arguments));
}

void Faults::kill(const std::string& id) {
    Process& process = *nodes_.at(id);
    process.signal(SIGKILL);
    // Its thread that keeps CPUs awake is of the lowest scheduling class: a loaded machine takes long to end
    // it.
    EXPECT_TRUE(process.wait_exit(seconds{20}).has_value());
    lives_[id].push_back(process.events());
    cluster_.forget(process);
    nodes_.erase(id);
}

void Faults::forget_state(const std::string& id) {
    std::filesystem::remove_all(cluster_.folder() / "state" / id);
    lives_[id].push_back({Json::parse(R"({"event": "forgot"})")});
}

std::set<std::string> Faults::living() const {
    std::set<std::string> ids;
    for (const auto& [id, process] : nodes_) ids.insert(id);
    return ids;
}

std::string Faults::master() const {
    std::string found;
    std::uint64_t term = 0;
    for (const auto& [id, process] : nodes_) {
        if (role_of(id) != "master" || process->events().back()["term"] < term) continue;
        found = id;
        term = process->events().back()["term"];
    }
    return found;
}

std::uint64_t Faults::term_of(const std::string& id) const {
    const auto& events = nodes_.at(id)->events();
    return events.empty() ? 0 : events.back()["term"].get<std::uint64_t>();
}

std::string Faults::role_of(const std::string& id) const { return last(*nodes_.at(id), "role", "role"); }

std::string Faults::status_of(const std::string& id) const {
    return last(*nodes_.at(id), "status", "status");
}

bool Faults::has_led(const std::string& id) const {
    return find(*nodes_.at(id), "role", [](const Json& e) { return e["role"] == "warmup"; }) != nullptr;
}

void Faults::expect_holdover(const std::string& id) {
    EXPECT_TRUE(wait_for([&] { return status_of(id) == "HOLDOVER"; })) << id;
    const Cluster::Reading before = cluster_.read(id);
    hold(seconds{1});
    const Cluster::Reading later = cluster_.read(id);
    EXPECT_EQ(later.status, BERKELEY_CLOCK_HOLDOVER) << id;
    // 50 ppm of a second; what was still being slewed comes off.
    EXPECT_GT(later.bound, before.bound + 40'000) << id;
}

void Faults::expect_full_committee() {
    // An odd number, and five at most.
    const std::size_t full = std::min<std::size_t>(nodes_.size() - (nodes_.size() + 1) % 2, 5);
    const auto voters = [&](const std::string& id) -> std::size_t {
        auto command = network_->wrapper(id);
        const std::string poll = "tcp://" + network_->address(id) + ":5250";
        command.insert(command.end(), {BERKELEYCTL_PROGRAM, "status", "--json", "--poll", poll});
        const Finished done = run(command.front(), {command.begin() + 1, command.end()});
        return done.code == 0 ? Json::parse(done.out)["committee"]["voters"].size() : 0;
    };
    EXPECT_TRUE(wait_for([&] {
        return std::all_of(candidates_.begin(), candidates_.end(),
                           [&](const std::string& id) { return !nodes_.contains(id) || voters(id) == full; });
    }));
}

bool Faults::wait_for(const std::function<bool()>& predicate, milliseconds patience) {
    return cluster_.wait_for(
        [&] {
            check_bounds();
            return predicate();
        },
        patience);
}

void Faults::hold(milliseconds time) {
    const auto end = Clock::now() + time;
    EXPECT_TRUE(wait_for([&] { return Clock::now() >= end; }, time + seconds{10}));
}

void Faults::expect_together(std::set<std::string> ids, milliseconds patience) {
    std::map<std::string, std::size_t> before;
    for (const std::string& id : ids) before[id] = nodes_.at(id)->events().size();
    const std::vector<std::string> list(ids.begin(), ids.end());
    const auto together = [&] {
        std::set<std::uint64_t> terms;
        for (const std::string& id : ids) {
            const auto& events = nodes_.at(id)->events();
            const auto end = events.rend() - static_cast<std::ptrdiff_t>(before[id]);
            const auto fresh = std::find_if(events.rbegin(), end, is_applied);
            if (fresh == end) return false;
            terms.insert((*fresh)["term"].get<std::uint64_t>());
        }
        int masters = 0;
        for (const std::string& id : ids) masters += role_of(id) == "master" ? 1 : 0;
        const auto spread = cluster_.spread_ns(list);
        return terms.size() == 1 && masters == 1 && spread && *spread < 1'000'000;
    };
    EXPECT_TRUE(wait_for(together, patience));
}

void Faults::check_bounds() const {
    std::map<std::string, Cluster::Reading> bounded;
    for (const auto& [id, process] : nodes_) {
        const Cluster::Reading reading = cluster_.read(id);
        if (reading.status != BERKELEY_CLOCK_UNSYNCHRONIZED) bounded[id] = reading;
    }
    Cluster::expect_bounded(bounded);
}

/// A node that keeps its state never goes back to an older term, not even by a restart.
void Faults::check_terms(const std::string& id, const std::vector<Life>& lives) {
    std::uint64_t term = 0;
    for (const Life& life : lives) {
        for (const Json& e : life) {
            if (is(e, kForgot)) {
                term = 0;
                continue;
            }
            EXPECT_GE(e["term"], term) << id << ": " << e.dump();
            term = e["term"];
        }
    }
}

/// A clock that has once been SYNCHRONIZED is only slewed from then on, as long as its node lives.
void Faults::check_steps(const std::string& id, const std::vector<Life>& lives) {
    for (const Life& life : lives) {
        bool synchronized = false;
        for (const Json& e : life) {
            if (synchronized && is(e, "correction")) {
                EXPECT_EQ(e["applied"], "slew") << id << ": " << e.dump();
            }
            synchronized = synchronized || (is(e, "status") && e["status"] == "SYNCHRONIZED");
        }
    }
}

/// No node applies a correction twice or an older one after a newer, and once a correction of a term was
/// applied anywhere, none of an earlier one is: there is one master.
void Faults::check_order(const std::map<std::string, std::vector<Life>>& nodes) {
    struct Span {
        std::int64_t first = INT64_MAX;
        std::int64_t last = INT64_MIN;
    };
    std::map<std::uint64_t, Span> terms;
    for (const auto& [id, lives] : nodes) {
        std::pair<std::uint64_t, std::uint64_t> newest{0, 0};
        for (const Life& life : lives) {
            for (const Json& e : life) {
                if (!is_applied(e)) continue;
                const std::pair<std::uint64_t, std::uint64_t> now{e["term"], e["round"]};
                EXPECT_GT(now, newest) << id << ": " << e.dump();
                newest = now;
                Span& span = terms[now.first];
                span.first = std::min(span.first, e["raw_ns"].get<std::int64_t>());
                span.last = std::max(span.last, e["raw_ns"].get<std::int64_t>());
            }
        }
    }
    for (auto next = terms.begin(), term = next; next != terms.end(); term = next) {
        if (++next == terms.end()) break;
        EXPECT_LT(term->second.last, next->second.first) << "terms " << term->first << ", " << next->first;
    }
}

}  // namespace berkeley::test
