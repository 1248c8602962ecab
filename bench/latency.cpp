// The paths take turns in an order drawn anew each time: a block of probes on one, then on another, so that
// whatever else the machine does hits all of them alike and a ratio of two holds where the figures themselves
// do not. The first probes of a block only wake the path's peer, as in the product's bursts, and are not
// counted.

#include <unistd.h>

#include <memory>
#include <numeric>

#include "base/prng.hpp"
#include "bench/benchmarks.hpp"
#include "bench/latency_peers.hpp"
#include "bench/placement.hpp"
#include "bench/poll_path.hpp"

namespace berkeley::bench {

namespace {

constexpr std::uint64_t kBlock = 16;
constexpr std::uint64_t kWarmUp = 2;
/// A path that loses so many in a row is broken, and each loss waits for a second.
constexpr int kLostInARowMax = 5;

struct Lane {
    std::unique_ptr<Path> path;
    Samples samples;
    std::uint64_t lost = 0;
    int lost_in_a_row = 0;
};

/// One block of probes; false where the path is broken.
bool run_block(Lane& lane, std::uint64_t probes) {
    for (std::uint64_t i = 0; i < kWarmUp + probes; ++i) {
        const auto trip = lane.path->probe();
        if (!trip) {
            ++lane.lost;
            if (++lane.lost_in_a_row >= kLostInARowMax) return false;
            continue;
        }
        lane.lost_in_a_row = 0;
        if (i >= kWarmUp) lane.samples.add(std::chrono::duration<double, std::micro>(*trip).count());
    }
    return true;
}

class Peers {
public:
    /// All forks come before the first context.
    Result<void> start() {
        if (const auto made = make_bench_keys(); !made) return made;
        for (const PeerProcess::Main main :
             {run_slave_process, run_libzmq_process, run_raw_process, run_slave_process, run_libzmq_process,
              run_secured_slave_process}) {
            auto peer = PeerProcess::start(main);
            if (!peer) return failure(peer.error());
            processes_.push_back(std::move(*peer));
        }
        return {};
    }

    Result<void> open(std::vector<Lane>& lanes) {
        const std::string tag = "berkeley-bench-" + std::to_string(::getpid());
        const auto add = [&](Result<std::unique_ptr<Path>> path) -> Result<void> {
            if (!path) return failure(path.error());
            lanes.push_back({std::move(*path)});
            return {};
        };
        return add(make_poll_path(Wire::tcp, tag, &processes_[0]))
            .and_then([&] { return add(make_libzmq_path(Wire::tcp, tag, &processes_[1])); })
            .and_then([&] { return add(make_raw_path(processes_[2])); })
            .and_then([&] { return add(make_poll_path(Wire::ipc, tag, &processes_[3])); })
            .and_then([&] { return add(make_libzmq_path(Wire::ipc, tag, &processes_[4])); })
            .and_then([&] { return add(make_poll_path(Wire::inproc, tag, nullptr)); })
            .and_then([&] { return add(make_libzmq_path(Wire::inproc, tag, nullptr)); })
            .and_then([&] { return add(make_poll_path(Wire::tcp_curve, tag, &processes_[5])); });
    }

private:
    std::vector<PeerProcess> processes_;
};

}  // namespace

Result<Report> run_latency(const LatencyOptions& options) {
    const std::string placement = placement_text();
    Peers peers;
    if (const auto started = peers.start(); !started) return failure(started.error());
    place(End::here);
    std::vector<Lane> lanes;
    if (const auto opened = peers.open(lanes); !opened) return failure(opened.error());
    for (Lane& lane : lanes) lane.samples.reserve(options.count);

    std::vector<std::size_t> order(lanes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    Prng prng{1};
    {
        Progress progress("latency", options.count);
        for (std::uint64_t done = 0; done < options.count; done += kBlock) {
            progress.update(done);
            for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[prng.below(i + 1)]);
            for (const std::size_t index : order) {
                if (!run_block(lanes[index], std::min(kBlock, options.count - done))) {
                    return failure(std::string(lanes[index].path->name()) + ": no answers any more");
                }
            }
        }
    }

    Report report;
    report.bench = "latency";
    const PollSizes sizes = poll_sizes();
    report.machine = machine_facts(
        {{"libzmq", libzmq_version()},
         {"placement", placement},
         {"payload", std::to_string(sizes.poll) + " bytes there, " + std::to_string(sizes.reply) + " back"}});
    for (const Lane& lane : lanes) {
        report.rows.push_back(lane.samples.row(std::string(lane.path->name()), "us"));
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
