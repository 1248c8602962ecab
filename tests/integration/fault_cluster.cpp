#include "integration/fault_cluster.hpp"

#include <algorithm>
#include <ctime>

#include "berkeley/clock.h"

namespace berkeley::test {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<Json> corrections(const Process& process) {
    std::vector<Json> found;
    for (const Json& e : process.events()) {
        if (is(e, "correction") && e["applied"] != "refused") found.push_back(e);
    }
    return found;
}

std::string last(const Process& process, const char* name, const char* field) {
    std::string value;
    for (const Json& e : process.events()) {
        if (is(e, name)) value = e[field].get<std::string>();
    }
    return value;
}

}  // namespace

void Faults::SetUp() {
    if (const std::string why = Network::unavailable(); !why.empty()) GTEST_SKIP() << why;
    network_ = std::make_unique<Network>();
}

void Faults::build(const std::vector<std::string>& candidates, const std::vector<std::string>& slaves,
                   const std::map<std::string, std::vector<std::string>>& extra) {
    candidates_ = candidates;
    extra_ = extra;
    for (const auto* ids : {&candidates, &slaves}) {
        for (const std::string& id : *ids) network_->add(id);
    }
    for (const auto* ids : {&candidates, &slaves}) {
        for (const std::string& id : *ids) start(id);
    }
    expect_all_together();
}

void Faults::start(const std::string& id) {
    const auto url = [&](const std::string& node, int port) {
        return "tcp://" + network_->address(node) + ":" + std::to_string(port);
    };
    const auto place = std::find(candidates_.begin(), candidates_.end(), id);
    const bool candidate = place != candidates_.end();
    std::vector<std::string> arguments = extra_[id];
    if (candidate) {
        arguments.insert(arguments.end(), {"--insecure", "--interval", "250ms", "--poll", url(id, 5250), "--publish",
                                           url(id, 5251), "--heartbeat", url(id, 5252), "--priority",
                                           std::to_string(100 - 10 * (place - candidates_.begin()))});
        if (place != candidates_.begin()) arguments.emplace_back("--standby");
    }
    for (const std::string& other : candidates_) {
        if (other != id) arguments.insert(arguments.end(), {candidate ? "--peer" : "--master", url(other, 5250)});
    }
    cluster_.wrap(network_->wrapper(id));
    nodes_[id] = &cluster_.start(candidate ? BERKELEY_MASTER_PROGRAM : BERKELEY_SLAVE_PROGRAM, id, std::move(arguments));
}

void Faults::kill(const std::string& id) {
    Process& process = *nodes_.at(id);
    process.signal(SIGKILL);
    EXPECT_TRUE(process.wait_exit(seconds{5}).has_value());
    for (Json& e : corrections(process)) history_[id].push_back(std::move(e));
    cluster_.forget(process);
    nodes_.erase(id);
}

void Faults::forget_state(const std::string& id) { std::filesystem::remove_all(cluster_.folder() / "state" / id); }

std::set<std::string> Faults::living() const {
    std::set<std::string> ids;
    for (const auto& [id, process] : nodes_) ids.insert(id);
    return ids;
}

std::string Faults::master() const {
    std::string found;
    std::uint64_t term = 0;
    for (const auto& [id, process] : nodes_) {
        if (last(*process, "role", "role") != "master" || process->events().back()["term"] < term) continue;
        found = id;
        term = process->events().back()["term"];
    }
    return found;
}

std::uint64_t Faults::term_of(const std::string& id) const {
    const auto& events = nodes_.at(id)->events();
    return events.empty() ? 0 : events.back()["term"].get<std::uint64_t>();
}

std::string Faults::status_of(const std::string& id) const { return last(*nodes_.at(id), "status", "status"); }

bool Faults::wait_for(const std::function<bool()>& predicate, milliseconds patience) {
    return cluster_.wait_for([&] {
        check_bounds();
        return predicate();
    }, patience);
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
            const auto fresh = std::find_if(events.rbegin(), events.rend() - static_cast<std::ptrdiff_t>(before[id]),
                                            [](const Json& e) { return is(e, "correction"); });
            if (fresh == events.rend() - static_cast<std::ptrdiff_t>(before[id])) return false;
            terms.insert((*fresh)["term"].get<std::uint64_t>());
        }
        int masters = 0;
        for (const std::string& id : ids) masters += last(*nodes_.at(id), "role", "role") == "master" ? 1 : 0;
        const auto spread = cluster_.spread_ns(list);
        return terms.size() == 1 && masters == 1 && spread && *spread < 1'000'000;
    };
    EXPECT_TRUE(wait_for(together, patience));
}

void Faults::check_bounds() {
    struct Reading {
        std::string id;
        std::int64_t ahead;
        std::int64_t bound;
    };
    std::vector<Reading> readings;
    for (const auto& [id, process] : nodes_) {
        berkeley_clock* clock = nullptr;
        berkeley_clock_interval interval{};
        timespec before{};
        timespec after{};
        clock_gettime(CLOCK_MONOTONIC_RAW, &before);
        const bool read = berkeley_clock_open(cluster_.page(id).c_str(), &clock) == BERKELEY_CLOCK_OK &&
                          berkeley_clock_now(clock, &interval) == BERKELEY_CLOCK_OK;
        clock_gettime(CLOCK_MONOTONIC_RAW, &after);
        berkeley_clock_close(clock);
        if (!read || interval.status != BERKELEY_CLOCK_SYNCHRONIZED) continue;
        const auto ns = [](const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; };
        // The clock was read somewhere between the two stamps.
        const std::int64_t width = ns(after) - ns(before);
        readings.push_back({id, interval.now_ns - ns(before), interval.latest_ns - interval.now_ns + width});
    }
    for (const Reading& a : readings) {
        for (const Reading& b : readings) {
            EXPECT_LE(std::abs(a.ahead - b.ahead), a.bound + b.bound) << a.id << " and " << b.id;
        }
    }
}

/// Whatever was done: no correction of an old term anywhere after one of a newer, none twice, no late step.
void Faults::check_history() const {
    struct Span {
        std::int64_t first = INT64_MAX;
        std::int64_t last = INT64_MIN;
    };
    std::map<std::uint64_t, Span> terms;
    std::set<std::string> ids;
    for (const auto& [id, events] : history_) ids.insert(id);
    for (const auto& [id, process] : nodes_) ids.insert(id);
    for (const std::string& id : ids) {
        std::vector<Json> events;
        if (history_.contains(id)) events = history_.at(id);
        if (nodes_.contains(id)) {
            for (Json& e : corrections(*nodes_.at(id))) events.push_back(std::move(e));
        }
        std::pair<std::uint64_t, std::uint64_t> applied{0, 0};
        for (const Json& e : events) {
            const std::pair<std::uint64_t, std::uint64_t> now{e["term"], e["round"]};
            EXPECT_GT(now, applied) << id << ": " << e.dump();
            applied = now;
            Span& span = terms[now.first];
            span.first = std::min(span.first, e["raw_ns"].get<std::int64_t>());
            span.last = std::max(span.last, e["raw_ns"].get<std::int64_t>());
        }
    }
    const Span* earlier = nullptr;
    std::uint64_t earlier_term = 0;
    for (const auto& [term, span] : terms) {
        if (earlier != nullptr) {
            EXPECT_LT(earlier->last, span.first) << "terms " << earlier_term << " and " << term;
        }
        earlier = &span;
        earlier_term = term;
    }
    for (const auto& [id, process] : nodes_) {
        bool synchronized = false;
        for (const Json& e : process->events()) {
            if (is(e, "correction") && synchronized) {
                EXPECT_NE(e["applied"], "step") << id << ": " << e.dump();
            }
            synchronized = synchronized || (is(e, "status") && e["status"] == "SYNCHRONIZED");
        }
    }
}

}  // namespace berkeley::test
