#include "tests/harness/clock_watch.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "os/os_clock.hpp"

namespace berkeley::harness {

namespace {

/// A sweep takes a microsecond or two and a page changes some ten times a second: this many in vain mean
/// a writer that is stuck.
constexpr int kAttempts = 1000;

}  // namespace

std::int64_t Sweep::spread_ns() const {
    std::int64_t low = std::numeric_limits<std::int64_t>::max();
    std::int64_t high = std::numeric_limits<std::int64_t>::min();
    for (const Reading& reading : clocks) {
        low = std::min(low, reading.now_ns);
        high = std::max(high, reading.now_ns);
    }
    return clocks.empty() ? 0 : high - low;
}

bool Sweep::synchronized() const {
    return std::all_of(clocks.begin(), clocks.end(),
                       [](const Reading& reading) { return reading.status == BERKELEY_CLOCK_SYNCHRONIZED; });
}

void ClockWatch::Unmap::operator()(const berkeley_page* page) const {
    ::munmap(const_cast<berkeley_page*>(page), BERKELEY_PAGE_BYTES);
}

Result<ClockWatch::Page> ClockWatch::open_page(const std::string& path) {
    berkeley_clock* clock = nullptr;
    if (const int error = berkeley_clock_open(path.c_str(), &clock); error != BERKELEY_CLOCK_OK) {
        return failure(path + ": " + berkeley_clock_strerror(error));
    }
    Page page{path, std::unique_ptr<berkeley_clock, Close>{clock}, nullptr};
    berkeley_clock_interval interval{};
    if (const int error = berkeley_clock_now(clock, &interval); error != BERKELEY_CLOCK_OK) {
        return failure(path + ": " + berkeley_clock_strerror(error));
    }
    // The file is a clock page, the reader has checked that; only the words themselves are wanted here.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failure(path + ": " + std::strerror(errno));
    void* memory = ::mmap(nullptr, BERKELEY_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    const int error = errno;
    ::close(fd);
    if (memory == MAP_FAILED) return failure(path + ": " + std::strerror(error));
    page.words.reset(static_cast<const berkeley_page*>(memory));
    return page;
}

Result<ClockWatch> ClockWatch::open(const std::vector<std::string>& paths) {
    ClockWatch watch;
    for (const std::string& path : paths) {
        auto page = open_page(path);
        if (!page) return failure(page.error());
        watch.pages_.push_back(std::move(*page));
    }
    return watch;
}

Result<Sweep> ClockWatch::sweep() const {
    Sweep sweep;
    sweep.clocks.resize(pages_.size());
    std::vector<berkeley_page> copies(pages_.size());
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        bool whole = true;
        std::int64_t at = 0;
        for (std::size_t i = 0; i < pages_.size() && whole; ++i) {
            whole = berkeley_page_try_snapshot(pages_[i].words.get(), &copies[i], &at) != 0;
        }
        at = berkeley_page_true_now();
        for (std::size_t i = 0; i < pages_.size() && whole; ++i) {
            berkeley_clock_interval interval{};
            whole = berkeley_clock_now(pages_[i].clock.get(), &interval) == BERKELEY_CLOCK_OK &&
                    berkeley_page_load(&pages_[i].words->word[BERKELEY_PAGE_SEQUENCE]) ==
                        copies[i].word[BERKELEY_PAGE_SEQUENCE];
            // The bound was read a microsecond after `at`: it grows by less than 0.1 ns meanwhile.
            sweep.clocks[i] = {berkeley_page_now(&copies[i], at), interval.latest_ns - interval.now_ns,
                               interval.status, copies[i].word[BERKELEY_PAGE_ROUND_STATUS] >> 8};
        }
        if (!whole) continue;
        sweep.at = from_ns<TrueTime>(at);
        return sweep;
    }
    return failure("a clock page was being written all the time");
}

}  // namespace berkeley::harness
