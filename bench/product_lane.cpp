#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "bench/bench_shell.hpp"
#include "bench/scale_lanes.hpp"
#include "master/candidate_node.hpp"
#include "os/os_clock.hpp"

namespace berkeley::bench {

namespace {

using harness::Json;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// What --window allows.
constexpr std::size_t kWindowMax = 1024;

/// A probe is given up after a quarter of it, and a round of a thousand takes tens of milliseconds.
/// Between two rounds the other lane is measured.
Duration interval_of(std::size_t size) {
    return std::clamp<Duration>(milliseconds{size / 2}, milliseconds{250}, seconds{4});
}

/// A candidate that prints, some time after each round, how long it took and when its corrections
/// went out: not at once, as that would cost the corrections time.
class RoundTeller final : public Node {
public:
    RoundTeller(const CandidateOptions& options, NodeShell& shell)
        : shell_(shell),
          delay_(options.master.interval / 4),
          node_(options, shell.seeded(), shell.now(), shell.initial_time(), SavedRate{}) {}

    void start(RawTime now, Actions& out) override { node_.start(now, out); }
    void on_link_message(Link link, Via via, const Message& message, RawTime at, Actions& out) override {
        node_.on_link_message(link, via, message, at, out);
        note(out);
    }
    void on_route_message(Route route, const Message& message, RawTime at, Actions& out) override {
        node_.on_route_message(route, message, at, out);
        note(out);
    }
    void on_sent(std::uint64_t token, RawTime t1) override { node_.on_sent(token, t1); }
    void on_unreachable(Route route, Actions& out) override { node_.on_unreachable(route, out); }
    void on_timer(RawTime now, Actions& out) override {
        if (now >= tell_at_) {
            tell_at_ = RawTime::max();
            say(line_);
        }
        if (node_.next_deadline() > now) return;
        node_.on_timer(now, out);
        note(out);
    }
    RawTime next_deadline() const override { return std::min(node_.next_deadline(), tell_at_); }
    void stop(RawTime now, Actions& out) override { node_.stop(now, out); }
    SlaveCore& slave() override { return node_.slave(); }
    const SlaveCore& slave() const override { return node_.slave(); }

private:
    void note(const Actions& actions) {
        for (const Action& action : actions) {
            const auto* emit = std::get_if<EmitEvent>(&action);
            const auto* round = emit != nullptr ? std::get_if<RoundEvent>(&emit->event) : nullptr;
            if (round == nullptr) continue;
            const RawTime now = shell_.now();
            line_ = fmt::format(
                R"({{"round":{},"state":"{}","replied":{},"duration_ns":{},"published_ns":{}}})",
                round->round, to_string(round->state), round->replied, round->duration.count(), to_ns(now));
            tell_at_ = now + delay_;
        }
    }

    NodeShell& shell_;
    Duration delay_;
    CandidateNode node_;
    std::string line_;
    RawTime tell_at_ = RawTime::max();
};

class ProductLane final : public ScaleLane {
public:
    ProductLane(std::size_t size, harness::TemporaryFolder folder)
        : size_(size), folder_(std::move(folder)) {}

    Result<void> open() {
        const std::string size = std::to_string(size_);
        auto master = start_peer("master", {size, folder_.file("master")}, End::here);
        if (!master) return failure(master.error());
        master_ = std::move(*master);
        const auto bound = hear(*master_, "poll", seconds{10});
        if (!bound) return failure(bound.error());
        auto slaves = start_peer("slaves", {size, (*bound)["poll"]}, End::peer);
        if (!slaves) return failure(slaves.error());
        slaves_ = std::move(*slaves);
        return {};
    }

    Result<void> settle() override {
        const TrueTime deadline = true_now() + kSettlePatience;
        std::string missing;
        while (true_now() < deadline) {
            const auto round = next_round();
            if (!round) return failure(round.error());
            missing = flaw_of(*round);
            if (missing.empty() && corrected((*round)["round"])) return {};
        }
        return failure("not all of " + std::to_string(size_) + " slaves take part after 60 s: " + missing);
    }

    Result<ScaleTimes> measure() override {
        const auto round = next_round();
        if (!round) return failure(round.error());
        if (const std::string flaw = flaw_of(*round); !flaw.empty()) return failure(flaw);
        const auto last = corrected((*round)["round"]);
        if (!last) return failure(last.error());
        return ScaleTimes{Duration{(*round)["duration_ns"].get<std::int64_t>()},
                          *last - from_ns<TrueTime>((*round)["published_ns"].get<std::int64_t>())};
    }

private:
    /// A round that ends from now on: an earlier one may have met the other lane.
    Result<Json> next_round() {
        master_->take();
        // The first comes when the candidate has waited for others in vain.
        const auto patience = 2 * interval_of(size_) + seconds{10};
        return hear(*master_, "round", std::chrono::duration_cast<milliseconds>(patience));
    }

    /// Why a round does not count; empty: it does.
    std::string flaw_of(const Json& round) const {
        const std::size_t replied = round["replied"].get<std::size_t>();
        if (replied != size_) return std::to_string(size_ - replied) + " probes were lost";
        return round["state"] == "steady" ? "" : "a round was " + round["state"].get<std::string>();
    }

    /// When the last of all had applied this round's correction.
    Result<TrueTime> corrected(std::uint64_t round) {
        while (last_.is_null() || last_["corrected"] < round) {
            auto heard = hear(*slaves_, "corrected", kCorrectionPatience);
            if (!heard) return failure("corrections were lost or refused");
            last_ = std::move(*heard);
        }
        if (last_["corrected"] != round) return failure("corrections were lost or refused");
        return from_ns<TrueTime>(last_["last_ns"].get<std::int64_t>());
    }

    std::size_t size_;
    harness::TemporaryFolder folder_;
    Peer master_;
    Peer slaves_;
    Json last_;  ///< what the slaves' host has printed
};

}  // namespace

/// How many slaves, and a folder for its state.
int run_scale_master(const Words& words) {
    const std::size_t size = std::stoul(words.at(0));
    NodeOptions options = node_options("bench-master", words.at(1));
    // With so many slaves on one machine a lease of 400 ms would sometimes run out.
    options.heartbeat_timeout = seconds{2};
    const std::string any_port = "tcp://127.0.0.1:0";
    const auto master = open_master(options, {}, {any_port, any_port, any_port});
    if (!master) return complain(master.error());
    CandidateOptions core;
    core.slave = master->shell->core_options();
    core.slave.candidate = master->self;
    core.slave.want_heartbeats = true;
    core.master.interval = interval_of(size);
    core.master.burst = 1;
    core.master.window = static_cast<std::uint32_t>(std::min(size, kWindowMax));
    core.master.pace_max = Duration{0};
    core.election.priority = 100;
    core.election.heartbeat_interval = options.heartbeat_interval;
    RoundTeller node(core, *master->shell);
    return master->shell->run(node, {});
}

Result<std::unique_ptr<ScaleLane>> make_product_lane(std::size_t size) {
    auto folder = harness::TemporaryFolder::create("berkeley-bench");
    if (!folder) return failure(folder.error());
    auto lane = std::make_unique<ProductLane>(size, std::move(*folder));
    if (const auto opened = lane->open(); !opened) return failure(opened.error());
    return lane;
}

}  // namespace berkeley::bench
