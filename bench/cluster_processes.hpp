// ClusterProcesses: one master and some slaves as real processes on this machine, as users run them: TCP over
// loopback on ports that the system chooses, a clock page and a log each.
//
// Their clocks are wrong by up to hours and drift by up to 50 ppm, drawn from a seed, so that there is
// something to agree upon; the machine's own clock is not touched. Pages and state live in a temporary
// folder. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/child_process.hpp"

namespace berkeley::bench {

inline constexpr Duration kInjectedOffsetMax = std::chrono::hours{3};
/// What nodes allow for by default (--max-drift).
inline constexpr std::int64_t kInjectedDriftMaxPpb = 50'000;

struct ClusterOptions {
    std::uint32_t slaves = 8;
    Duration interval = std::chrono::milliseconds{250};
    std::uint32_t burst = 8;
    std::uint64_t seed = 1;
};

class ClusterProcesses {
public:
    /// berkeley-master and berkeley-slave beside this very program; a line that says which is missing.
    [[nodiscard]] static Result<void> check_programs();

    /// Returns when all run; they have not met yet. `folder` outlives the cluster.
    [[nodiscard]] static Result<ClusterProcesses> start(const TemporaryFolder& folder,
                                                        const ClusterOptions& options);
    ClusterProcesses(ClusterProcesses&&) = default;
    ClusterProcesses& operator=(ClusterProcesses&&) = delete;
    ~ClusterProcesses();

    /// Clock pages, the master's first.
    const std::vector<std::string>& pages() const { return pages_; }
    /// A failure names the first process that has ended, with the last line of its log.
    [[nodiscard]] Result<void> check();

private:
    explicit ClusterProcesses(const TemporaryFolder& folder) : folder_(&folder) {}
    Result<void> add(const std::string& id, const std::string& program, std::vector<std::string> arguments);
    Result<std::string> await_master();

    const TemporaryFolder* folder_;
    std::vector<std::string> ids_;
    std::vector<std::string> pages_;
    std::vector<ChildProcess> processes_;
};

}  // namespace berkeley::bench
