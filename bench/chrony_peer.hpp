// ChronyPair: two chronyd on one machine, one following the other, to compare with.
//
// Each has a network of its own, joined by a veth pair; both networks vanish with the processes. Both run
// with -x, so neither ever touches the machine's clock: they compute what they would do. Server and client
// share that one clock, so the true offset is 0 and the client's estimate is its error.
// Needs root. Not thread-safe.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/child_process.hpp"

namespace berkeley::bench {

class ChronyPair {
public:
    /// The client asks as often as this; rounded to a power of two of seconds by nobody: it is one.
    static constexpr Duration kInterval = std::chrono::milliseconds{250};

    /// Whether programs and rights are there; a line that says what is missing.
    [[nodiscard]] static Result<void> check();

    [[nodiscard]] static Result<ChronyPair> start(const TemporaryFolder& folder);
    ChronyPair(ChronyPair&&) = default;
    ChronyPair& operator=(ChronyPair&&) = delete;

    /// How far the client holds its system clock to be off now ("System time" of `chronyc tracking`), signed.
    /// A failure where it does not follow the server (yet).
    [[nodiscard]] Result<Duration> system_time_error() const;

    static std::string version();

private:
    ChronyPair(const TemporaryFolder& folder, ChildProcess server, ChildProcess client)
        : folder_(&folder), server_(std::move(server)), client_(std::move(client)) {}

    const TemporaryFolder* folder_;
    ChildProcess server_;
    ChildProcess client_;
};

}  // namespace berkeley::bench
