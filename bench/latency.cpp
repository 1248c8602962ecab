// The paths take turns in an order drawn anew each time: a block of probes on one, then on another,
// so that whatever else the machine does hits all of them alike and a ratio of two holds where the
// figures themselves do not. The first probes of a block only wake the path's peer, as in the
// product's bursts, and are not counted.

#include <memory>
#include <numeric>

#include "base/prng.hpp"
#include "bench/bare_zmq.hpp"
#include "bench/benchmarks.hpp"
#include "bench/interrupt_guard.hpp"
#include "bench/path.hpp"
#include "bench/peer.hpp"

namespace berkeley::bench {

namespace {

constexpr std::uint64_t kBlock = 16;
constexpr std::uint64_t kWarmUp = 2;
/// A path that answers nothing for so many blocks is broken; each of them waits for a second.
constexpr int kEmptyBlocksMax = 5;

struct Lane {
    std::unique_ptr<Path> path;
    Samples samples;
    std::uint64_t lost = 0;
    int empty_in_a_row = 0;
};

/// One block of probes; false where the path is broken.
bool run_block(Lane& lane, std::uint64_t probes) {
    const std::vector<Duration> trips = lane.path->probe(kWarmUp + probes);
    if (trips.size() < kWarmUp + probes) ++lane.lost;
    for (std::size_t i = kWarmUp; i < trips.size(); ++i) {
        lane.samples.add(std::chrono::duration<double, std::micro>(trips[i]).count());
    }
    lane.empty_in_a_row = trips.empty() ? lane.empty_in_a_row + 1 : 0;
    return lane.empty_in_a_row < kEmptyBlocksMax;
}

Result<std::vector<Lane>> open_lanes() {
    std::vector<Lane> lanes;
    Result<void> opened;
    const auto add = [&](auto&& make, auto... arguments) {
        if (!opened) return;
        auto path = make(arguments...);
        if (path) {
            lanes.push_back({std::move(*path)});
        } else {
            opened = failure(path.error());
        }
    };
    for (const Wire wire : {Wire::tcp, Wire::ipc, Wire::inproc}) {
        add(make_poll_path, wire, true);
        add(make_libzmq_path, wire);
        if (wire == Wire::tcp) add(make_raw_path);
    }
    add(make_poll_path, Wire::tcp_curve, true);
    if (!opened) return failure(opened.error());
    return lanes;
}

Result<void> measure(std::vector<Lane>& lanes, std::uint64_t count) {
    std::vector<std::size_t> order(lanes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Prng prng{1};
    Progress progress("latency", count);
    for (std::uint64_t done = 0; done < count; done += kBlock) {
        progress.update(done);
        for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[prng.below(i + 1)]);
        for (const std::size_t index : order) {
            if (const auto go_on = InterruptGuard::check(); !go_on) return go_on;
            if (!run_block(lanes[index], std::min(kBlock, count - done)))
                return failure(lanes[index].path->name() + ": no answers any more");
        }
    }
    return {};
}

}  // namespace

Result<Report> run_latency(const LatencyOptions& options) {
    const InterruptGuard guard;
    const std::string placement = placement_text();
    place(End::here);
    auto lanes = open_lanes();
    if (!lanes) return failure(lanes.error());
    for (Lane& lane : *lanes) lane.samples.reserve(options.count);
    if (const auto measured = measure(*lanes, options.count); !measured) return failure(measured.error());

    Report report;
    report.bench = "latency";
    const PollSizes sizes = poll_sizes();
    report.machine = machine_facts(
        {{"libzmq", libzmq_version()},
         {"placement", placement},
         {"payload", std::to_string(sizes.poll) + " bytes there, " + std::to_string(sizes.reply) + " back"}});
    for (const Lane& lane : *lanes) {
        report.rows.push_back(lane.samples.row(lane.path->name(), "us"));
        report.violations += lane.lost;
    }
    add_ratio(report, "poll_tcp", "libzmq_tcp");
    add_ratio(report, "poll_tcp", "libzmq_tcp", Quantile::p99);
    add_ratio(report, "poll_ipc", "libzmq_ipc");
    add_ratio(report, "poll_inproc", "libzmq_inproc");
    add_ratio(report, "poll_tcp", "raw_tcp");
    add_ratio(report, "poll_tcp_curve", "poll_tcp");
    add_ratio(report, "poll_tcp_curve", "poll_tcp", Quantile::p99);
    return report;
}

}  // namespace berkeley::bench
