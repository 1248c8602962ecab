// The clock page as applications read it: whatever a file holds, the reader refuses it or gives an interval whose
// ends are in order.

#include <cstdlib>

#include "berkeley/clock.h"
#include "fuzz/fuzz_file.hpp"
#include "fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const berkeley::fuzz::File file(berkeley::fuzz::text(data, size));
    berkeley_clock* clock = nullptr;
    if (berkeley_clock_open(file.path().c_str(), &clock) != BERKELEY_CLOCK_OK) return 0;
    berkeley_clock_interval interval{};
    if (berkeley_clock_now(clock, &interval) == BERKELEY_CLOCK_OK &&
        (interval.earliest_ns > interval.now_ns || interval.now_ns > interval.latest_ns)) {
        std::abort();
    }
    berkeley_clock_close(clock);
    return 0;
}
