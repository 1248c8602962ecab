// The clock page as applications read it, and as a restarted node finds it: whatever a file holds, the reader
// refuses it or gives an interval whose ends are in order; and a node that takes it over makes a good page of
// it, or refuses.

#include <cstdlib>
#include <fstream>

#include "berkeley/clock.h"
#include "os/os_clock.hpp"
#include "page/clock_page.hpp"
#include "tests/fuzz/fuzz_folder.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace berkeley;

constexpr std::int64_t kTime = 1'700'000'000'000'000'000;

/// What the page reads, where it can be read.
bool read(const std::string& path, berkeley_clock_interval& interval) {
    berkeley_clock* clock = nullptr;
    if (berkeley_clock_open(path.c_str(), &clock) != BERKELEY_CLOCK_OK) return false;
    const bool ok = berkeley_clock_now(clock, &interval) == BERKELEY_CLOCK_OK;
    if (ok && (interval.earliest_ns > interval.now_ns || interval.now_ns > interval.latest_ns)) std::abort();
    berkeley_clock_close(clock);
    return ok;
}

PageContent content() {
    PageContent content;
    content.generation = 7;
    content.map.anchor_true = true_now();
    content.map.anchor_cluster = from_ns<ClusterTime>(kTime);
    content.bound = std::chrono::microseconds{10};
    content.bound_at = content.map.anchor_true;
    content.valid_for = std::chrono::seconds{10};
    content.holdover_for = std::chrono::seconds{60};
    content.status = ClockStatus::synchronized;
    return content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Folder folder;
    static const std::string path = (folder.path() / "page").string();
    std::ofstream(path, std::ios::binary | std::ios::trunc) << fuzz::text(data, size);
    berkeley_clock_interval interval{};
    read(path, interval);
    if (auto writer = ClockPageWriter::create(path)) {
        writer->publish(content());
        // The new clock may be held up by what the old page said by a gap at most: else it is a step.
        constexpr std::int64_t kGap = to_ns(ClusterTime{ClockPageWriter::kTakeoverGapMax}) + 1'000'000'000;
        if (!read(path, interval) || interval.now_ns < kTime || interval.now_ns > kTime + kGap) std::abort();
        if (interval.status != BERKELEY_CLOCK_SYNCHRONIZED) std::abort();
    }
    return 0;
}
