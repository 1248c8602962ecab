#include "os/refclock.hpp"

#include <fmt/format.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace berkeley {

namespace {

constexpr key_t kShmKey = 0x4e545030;  // "NTP0"
constexpr int kRootsUnits = 2;

/// As the NTP distribution's documentation of driver 28 has it; chronyd and gpsd have the same.
struct ShmTime {
    int mode;
    int count;
    time_t clock_sec;
    int clock_usec;
    time_t receive_sec;
    int receive_usec;
    int leap;
    int precision;
    int samples;
    int valid;
    unsigned clock_nsec;
    unsigned receive_nsec;
    int unused[8];
};

/// As chronyd's documentation of `refclock SOCK` has it.
struct SockSample {
    timeval at;
    double offset;
    int pulse;
    int leap;
    int unused;
    int magic;
};
constexpr int kSockMagic = 0x534f434b;

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/// Readers look at the count before and after, so the order of the writes counts.
void order_writes() { std::atomic_thread_fence(std::memory_order_seq_cst); }

int precision_of(Duration doubt) {
    const double seconds = std::max(1e-9, std::chrono::duration<double>(doubt).count());
    return std::clamp(static_cast<int>(std::ceil(std::log2(seconds))), -30, 0);
}

}  // namespace

Result<RefclockShm> RefclockShm::open(int unit) {
    const int mode = unit < kRootsUnits ? 0600 : 0666;
    const int id = ::shmget(kShmKey + unit, sizeof(ShmTime), IPC_CREAT | mode);
    if (id < 0) {
        return failure(fmt::format("--refclock-shm {}: {}", unit, std::strerror(errno)));
    }
    void* const segment = ::shmat(id, nullptr, 0);
    if (segment == reinterpret_cast<void*>(-1)) {  // NOLINT: as shmat says it
        return failure(fmt::format("--refclock-shm {}: {}", unit, std::strerror(errno)));
    }
    return RefclockShm(segment);
}

RefclockShm::RefclockShm(RefclockShm&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}

RefclockShm::~RefclockShm() {
    if (segment_ == nullptr) return;
    static_cast<volatile ShmTime*>(segment_)->valid = 0;
    ::shmdt(segment_);
}

void RefclockShm::give(const RefclockSample& sample) {
    volatile ShmTime& shared = *static_cast<volatile ShmTime*>(segment_);
    shared.valid = 0;
    shared.mode = 1;  // the reader compares `count` before and after
    shared.count = static_cast<int>(static_cast<unsigned>(shared.count) + 1);
    order_writes();
    shared.clock_sec = sample.cluster_ns / kNsPerSecond;
    shared.clock_nsec = static_cast<unsigned>(sample.cluster_ns % kNsPerSecond);
    shared.clock_usec = static_cast<int>(sample.cluster_ns % kNsPerSecond / 1000);
    shared.receive_sec = sample.realtime_ns / kNsPerSecond;
    shared.receive_nsec = static_cast<unsigned>(sample.realtime_ns % kNsPerSecond);
    shared.receive_usec = static_cast<int>(sample.realtime_ns % kNsPerSecond / 1000);
    shared.leap = 0;
    shared.precision = precision_of(sample.doubt);
    shared.samples = 3;
    order_writes();
    shared.count = static_cast<int>(static_cast<unsigned>(shared.count) + 1);
    shared.valid = 1;
}

RefclockSock::RefclockSock(std::filesystem::path path)
    : path_(std::move(path)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

Result<void> RefclockSock::give(const RefclockSample& sample) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = path_.string();
    if (text.size() >= sizeof address.sun_path) {
        return failure(fmt::format("--refclock-sock {}: a path of at most {} letters is allowed", text,
                                   sizeof address.sun_path - 1));
    }
    std::memcpy(address.sun_path, text.data(), text.size());
    SockSample message{};
    message.at.tv_sec = sample.realtime_ns / kNsPerSecond;
    message.at.tv_usec = sample.realtime_ns % kNsPerSecond / 1000;
    message.offset = static_cast<double>(sample.cluster_ns - sample.realtime_ns) * 1e-9;
    message.magic = kSockMagic;
    if (::sendto(socket_.get(), &message, sizeof message, 0, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) < 0) {
        return failure(fmt::format("--refclock-sock {}: {}", text, std::strerror(errno)));
    }
    return {};
}

}  // namespace berkeley
