#include <sys/resource.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "bench/bare_zmq.hpp"
#include "bench/benchmarks.hpp"
#include "bench/interrupt_guard.hpp"
#include "bench/peer.hpp"
#include "bench/scale_lanes.hpp"
#include "net/transport.hpp"

namespace berkeley::bench {

namespace {

/// A host has two sockets with a connection each for every slave, and a master two connections in either
/// lane.
constexpr std::size_t kFilesPerSlave = 4;
/// Contexts, timers, the standard streams, and what the transport wants to be left.
constexpr std::size_t kFilesBeside = 160;
/// The first rounds make the memory of queues.
constexpr std::uint32_t kWarmUpRounds = 2;
/// Where nothing works any more, the rest of the rounds would only take long.
constexpr int kFailedInARowMax = 5;

struct Lane {
    std::unique_ptr<ScaleLane> lane;
    std::string prefix;  ///< of its rows
    Samples round;
    Samples publish;
};

double us(Duration duration) { return std::chrono::duration<double, std::micro>(duration).count(); }

struct Lost {
    std::uint64_t rounds = 0;
    std::string first{};  ///< why the first of them was lost
};

/// False where nothing works any more.
bool measure_rounds(std::vector<Lane>& lanes, std::uint32_t rounds, Lost& lost,
                    const std::function<void(std::uint32_t)>& progress) {
    int failed_in_a_row = 0;
    for (std::uint32_t i = 0; i < kWarmUpRounds + rounds; ++i) {
        progress(i);
        if (!InterruptGuard::check()) return false;
        bool whole = true;
        for (Lane& lane : lanes) {
            const auto times = lane.lane->measure();
            whole = whole && times;
            if (!times) {
                if (lost.rounds++ == 0) lost.first = times.error();
                if (++failed_in_a_row >= kFailedInARowMax) return false;
            } else if (i >= kWarmUpRounds) {
                lane.round.add(us(times->round));
                lane.publish.add(us(times->publish));
            }
        }
        if (whole) failed_in_a_row = 0;
    }
    return true;
}

Result<std::vector<Lane>> open_lanes(std::size_t size) {
    std::vector<Lane> lanes(2);
    auto product = make_product_lane(size);
    if (!product) return failure(product.error());
    lanes[0].lane = std::move(*product);
    auto libzmq = make_libzmq_lane(size);
    if (!libzmq) return failure(libzmq.error());
    lanes[1].lane = std::move(*libzmq);
    lanes[1].prefix = "libzmq_";
    for (Lane& lane : lanes) {
        if (auto settled = lane.lane->settle(); !settled) return failure(settled.error());
    }
    return lanes;
}

/// The report gets each figure, also where other rounds were lost; false: larger sizes are in vain.
bool measure_size(std::size_t size, const ScaleOptions& options, Report& report,
                  const std::function<void(std::uint32_t)>& progress) {
    Lost lost;
    bool works = false;
    auto lanes = open_lanes(size);
    if (lanes) {
        works = measure_rounds(*lanes, options.rounds, lost, progress);
    } else {
        lost = {1, lanes.error()};
        lanes = std::vector<Lane>(2);
        lanes->back().prefix = "libzmq_";
    }
    if (lost.rounds > 0) {
        report.violations += lost.rounds;
        if (!report.cause.empty()) report.cause += "; ";
        report.cause += std::to_string(size) + " slaves: " + std::to_string(lost.rounds) +
                        (lost.rounds == 1 ? " round was lost: " : " rounds were lost; the first: ") +
                        lost.first;
        if (!works) report.cause += "; the rest was not tried";
    }
    const std::string suffix = "_" + std::to_string(size);
    for (const Lane& lane : *lanes)
        report.rows.push_back(lane.round.row(lane.prefix + "round" + suffix, "us"));
    for (const Lane& lane : *lanes)
        report.rows.push_back(lane.publish.row(lane.prefix + "publish" + suffix, "us"));
    for (const char* what : {"round", "publish"})
        add_ratio(report, what + suffix, std::string("libzmq_") + what + suffix);
    return works;
}

}  // namespace

Result<void> check_scale(const ScaleOptions& options) {
    raise_file_limit();
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return failure("the limit of open files cannot be read");
    const std::size_t most =
        limit.rlim_cur < kFilesBeside ? 0 : (limit.rlim_cur - kFilesBeside) / kFilesPerSlave;
    const std::size_t largest = *std::max_element(options.slaves.begin(), options.slaves.end());
    if (largest <= most) return {};
    return failure("--slaves: " + std::to_string(largest) + " need " +
                   std::to_string(kFilesPerSlave * largest + kFilesBeside) +
                   " open files and this machine allows " + std::to_string(limit.rlim_cur) +
                   " (ulimit -Hn): at most " + std::to_string(most) + " are allowed");
}

Result<Report> run_scale(const ScaleOptions& options) {
    const InterruptGuard guard;
    Report report;
    report.bench = "scale";
    report.machine =
        machine_facts({{"libzmq", libzmq_version()},
                       {"placement", placement_text()},
                       {"rounds", std::to_string(options.rounds) + " of each, all slaves probed at once"}});
    const std::uint64_t each = kWarmUpRounds + options.rounds;
    Progress progress("scale", each * options.slaves.size());
    place(End::here);
    std::uint64_t done = 0;
    for (const std::size_t size : options.slaves) {
        const bool works =
            measure_size(size, options, report, [&](std::uint32_t round) { progress.update(done + round); });
        if (const auto go_on = InterruptGuard::check(); !go_on) return failure(go_on.error());
        if (!works) break;
        done += each;
    }
    return report;
}

}  // namespace berkeley::bench
