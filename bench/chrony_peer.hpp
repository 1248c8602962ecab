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
#include "tests/harness/process.hpp"

namespace berkeley::bench {

class ChronyPair {
public:
    /// The client asks as often as this: a power of two of seconds, as chronyd wants it.
    static constexpr Duration kInterval = std::chrono::milliseconds{250};

    /// Whether programs and rights are there; a line that says what is missing.
    [[nodiscard]] static Result<void> check();

    [[nodiscard]] static Result<ChronyPair> start(const harness::TemporaryFolder& folder);
    ChronyPair(ChronyPair&&) = default;
    ChronyPair& operator=(ChronyPair&&) = delete;

    /// How far the client holds its system clock to be off now ("System time" of `chronyc tracking`), signed.
    /// A failure where it does not follow the server (yet).
    [[nodiscard]] Result<Duration> system_time_error() const;

    static std::string version();

private:
    ChronyPair(const harness::TemporaryFolder& folder, std::unique_ptr<harness::Process> server,
               std::unique_ptr<harness::Process> client)
        : folder_(&folder), server_(std::move(server)), client_(std::move(client)) {}

    const harness::TemporaryFolder* folder_;
    std::unique_ptr<harness::Process> server_;
    std::unique_ptr<harness::Process> client_;
};

}  // namespace berkeley::bench
