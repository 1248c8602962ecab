#include "bench/peer.hpp"

#include <sched.h>

#include <array>
#include <cstdio>
#include <utility>

#include "base/prng.hpp"
#include "bench/interrupt_guard.hpp"
#include "discipline/discipline.hpp"
#include "os/os_clock.hpp"
#include "wire/codec.hpp"

namespace berkeley::bench {

namespace {

constexpr int kSpinners = 2;

/// Asked for once: place() itself narrows what the kernel would tell later.
const std::vector<int>& allowed() {
    static const std::vector<int> cpus = [] {
        std::vector<int> found;
        cpu_set_t set;
        CPU_ZERO(&set);
        if (::sched_getaffinity(0, sizeof set, &set) != 0) return found;
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) found.push_back(cpu);
        }
        return found;
    }();
    return cpus;
}

using Kind = std::pair<std::string_view, int (*)(const Words&)>;

constexpr std::array<Kind, 7> kKinds{{{"prober", run_prober},
                                      {"libzmq", run_libzmq_peer},
                                      {"tcp", run_tcp_peer},
                                      {"cristian", run_cristian_peer},
                                      {"master", run_scale_master},
                                      {"slaves", run_slave_host},
                                      {"echoes", run_echo_host}}};

}  // namespace

std::vector<int> cpus_of(End end) {
    const std::vector<int>& cpus = allowed();
    if (cpus.size() < 2 || end == End::anywhere) return cpus;
    const auto half = cpus.begin() + static_cast<std::ptrdiff_t>(cpus.size() / 2);
    return end == End::here ? std::vector(cpus.begin(), half) : std::vector(half, cpus.end());
}

void place(End end) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus_of(end)) CPU_SET(static_cast<std::size_t>(cpu), &set);
    // A refusal leaves the thread where the scheduler wants it, which is worse and not wrong.
    static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
}

std::string placement_text() {
    return allowed().size() < 2 ? "both ends share one CPU" : "each end on its own half of the CPUs";
}

Result<Peer> start_peer(const std::string& kind, const Words& words, End end) {
    harness::Launch launch{.program = harness::beside_this_program("berkeley-bench"),
                           .arguments = {"peer", kind},
                           .cpus = cpus_of(end),
                           .input = true};
    launch.arguments.insert(launch.arguments.end(), words.begin(), words.end());
    return harness::Process::start(launch);
}

Result<harness::Json> hear(harness::Process& peer, const char* key, harness::milliseconds patience) {
    harness::Json heard;
    const bool there = peer.wait_for(
        [&] {
            if (!InterruptGuard::check()) return true;
            for (harness::Json& event : peer.take()) {
                if (event.contains(key)) heard = std::move(event);
            }
            return heard.is_object();
        },
        patience);
    if (const auto go_on = InterruptGuard::check(); !go_on) return failure(go_on.error());
    if (there) return heard;
    const std::string log = peer.log();
    return failure(std::string("a peer process ") + (peer.running() ? "says nothing" : "is gone") +
                   (log.empty() ? "" : ": ") + log.substr(0, log.find('\n')));
}

Result<std::vector<Peer>> start_spinners() {
    std::vector<Peer> spinners;
    for (int i = 0; i < kSpinners; ++i) {
        auto spinner = harness::Process::start(
            {.program = "sh", .arguments = {"-c", "while :; do :; done"}, .cpus = cpus_of(End::anywhere)});
        if (!spinner) return failure(spinner.error());
        spinners.push_back(std::move(*spinner));
    }
    return spinners;
}

int run_peer(const Words& words) {
    for (const auto& [kind, run] : kKinds) {
        if (!words.empty() && words.front() == kind) return run({words.begin() + 1, words.end()});
    }
    std::fputs("berkeley-bench: no such peer\n", stderr);
    return 2;
}

const ClusterName& bench_cluster() {
    static const ClusterName name = node_id("bench");
    return name;
}

PollSizes poll_sizes() {
    const OsClock clock;
    Prng prng{3};
    Encoded encoded;
    encode({{bench_cluster(), node_id("bench-master"), 1}, Poll{1000, 1, prng.next()}}, encoded);
    const std::size_t poll = encoded.bytes.size();
    Reply reply;
    reply.round = 1000;
    reply.probe = 1;
    reply.token = prng.next();
    reply.generation = prng.next();
    reply.t2 = reply.t3 = reply.map.anchor_raw = clock.now();
    reply.map.anchor_cluster = ClusterTime{std::chrono::hours{24}};
    reply.bound = kUnknownBound;
    encode({{bench_cluster(), node_id("bench-slave"), 1}, reply}, encoded);
    return {poll, encoded.bytes.size()};
}

}  // namespace berkeley::bench
