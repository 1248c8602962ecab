// ClockWatch: what all clock pages of this machine say at one and the same instant.
//
// All processes share CLOCK_MONOTONIC_RAW, so there is a true instant: every page is copied, the raw clock is
// read once, every copy is evaluated at that time by the reader's own formula, and the sweep counts only if
// no page has changed until after it. So a difference of two clocks is exact to the nanosecond; neither the
// order of reading nor a preemption enters. Bound and status come through the public reader.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "berkeley/clock.h"
#include "page/clock_page_layout.h"

namespace berkeley::harness {

struct Reading {
    std::int64_t now_ns = 0;
    std::int64_t bound_ns = 0;
    std::int32_t status = BERKELEY_CLOCK_UNSYNCHRONIZED;
    std::uint64_t round = 0;  ///< of the last correction
};

struct Sweep {
    TrueTime at{};
    std::vector<Reading> clocks;

    std::int64_t spread_ns() const;
    bool synchronized() const;
};

class ClockWatch {
public:
    /// Fails while a page does not exist or has never been written.
    [[nodiscard]] static Result<ClockWatch> open(const std::vector<std::string>& pages);

    [[nodiscard]] Result<Sweep> sweep() const;

    const berkeley_clock* clock(std::size_t index) const { return pages_[index].clock.get(); }

private:
    struct Close {
        void operator()(berkeley_clock* clock) const { berkeley_clock_close(clock); }
    };
    struct Unmap {
        void operator()(const berkeley_page* page) const;
    };
    struct Page {
        std::string path;
        std::unique_ptr<berkeley_clock, Close> clock;
        std::unique_ptr<const berkeley_page, Unmap> words;
    };
    static Result<Page> open_page(const std::string& path);

    std::vector<Page> pages_;
};

}  // namespace berkeley::harness
