// Commit-wait in C++: commit_wait COUNT PAGE... commits COUNT transactions in turn by the clocks of these
// nodes. README.md says what is promised.
#include <berkeley/clock.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using std::chrono::nanoseconds;

constexpr int kAttemptsMax = 100;

/// Gives the transaction a timestamp, and returns when it may be acknowledged.
nanoseconds commit(const berkeley::SharedClock& clock) {
    for (int attempt = 1;; ++attempt) {
        const nanoseconds stamp = clock.now().latest();
        // ...here the transaction is written with its stamp, and replicated...
        try {
            clock.wait_until_past(stamp);
            return stamp;
        } catch (const berkeley::ClockError& error) {
            // A stamp from before a step belongs to another clock: we draw a new one.
            if (error.code() != BERKELEY_CLOCK_ERR_DISRUPTED || attempt == kAttemptsMax) throw;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long count = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 0;
    if (count < 1 || argc < 3) {
        std::fprintf(stderr, "usage: %s COUNT PAGE...\n", argv[0]);
        return 2;
    }
    try {
        std::vector<berkeley::SharedClock> clocks;
        for (int i = 2; i < argc; ++i) clocks.emplace_back(argv[i]);
        nanoseconds last = nanoseconds::min();
        for (long i = 0; i < count; ++i) {
            const nanoseconds stamp = commit(clocks[static_cast<std::size_t>(i) % clocks.size()]);
            if (stamp <= last) {
                std::fprintf(stderr, "transaction %ld is not later than the one before\n", i);
                return 1;
            }
            last = stamp;
        }
    } catch (const berkeley::ClockError& error) {
        std::fprintf(stderr, "not committed: %s\n", error.what());
        return 1;
    }
    std::printf("%ld transactions, each stamp greater than the one before\n", count);
}
