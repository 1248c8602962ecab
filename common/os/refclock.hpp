// Refclocks: two ways in which a program gives time to a running chronyd, ntpd or gpsd client, which then
// steers the machine's clock itself: the shared memory of NTP's driver 28 (`refclock SHM`), and chronyd's
// socket
// (`refclock SOCK`).
//
// Both carry pairs: CLOCK_REALTIME at an instant, and the right time at the same instant. Failure mode: a
// daemon that is not there, or gone, is tried again with the next sample; nothing waits for it. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "os/file_descriptor.hpp"

namespace berkeley {

struct RefclockSample {
    std::int64_t realtime_ns = 0;
    std::int64_t cluster_ns = 0;
    Duration doubt{0};  ///< of reading two clocks at one instant
};

/// Units of NTP's driver 28 that exist. 0 and 1 are root's, as every program of this kind has them.
inline constexpr std::int64_t kRefclockUnitMax = 255;

class RefclockShm {
public:
    /// Requires: 0 <= unit <= kRefclockUnitMax. The error is one line.
    [[nodiscard]] static Result<RefclockShm> open(int unit);
    RefclockShm(RefclockShm&& other) noexcept;
    RefclockShm& operator=(RefclockShm&&) = delete;
    /// The segment stays for its reader, and says that nothing in it is valid.
    ~RefclockShm();

    void give(const RefclockSample& sample);

private:
    explicit RefclockShm(void* segment) : segment_(segment) {}
    void* segment_;
};

class RefclockSock {
public:
    /// chronyd creates the socket at its start.
    explicit RefclockSock(std::filesystem::path path);

    /// The error is one line; the next sample tries again.
    [[nodiscard]] Result<void> give(const RefclockSample& sample);

private:
    std::filesystem::path path_;
    FileDescriptor socket_;
};

}  // namespace berkeley
