#include "os/vm_clock.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>

#include "os/file_descriptor.hpp"

namespace berkeley {

namespace {

/// As linux/vmclock-abi.h lays it out, little-endian. Debian 12 has no such header.
struct VmClockPage {
    std::uint32_t magic;
    std::uint32_t size;
    std::uint16_t version;
    std::uint8_t counter_id;
    std::uint8_t time_type;
    std::uint32_t seq_count;
    std::uint64_t disruption_marker;
    std::uint64_t flags;
    std::uint8_t pad[2];
    std::uint8_t clock_status;
    std::uint8_t leap_second_smearing_hint;
    std::int16_t tai_offset_sec;
    std::uint8_t leap_indicator;
    std::uint8_t counter_period_shift;
    std::uint64_t counter_value;
    std::uint64_t counter_period_frac_sec;
    std::uint64_t counter_period_esterror_rate_frac_sec;
    std::uint64_t counter_period_maxerror_rate_frac_sec;
    std::uint64_t time_sec;
    std::uint64_t time_frac_sec;
    std::uint64_t time_esterror_nanosec;
    std::uint64_t time_maxerror_nanosec;
    std::uint64_t vm_generation_counter;
};
static_assert(offsetof(VmClockPage, seq_count) == 12 && offsetof(VmClockPage, disruption_marker) == 16 &&
              offsetof(VmClockPage, counter_value) == 40 &&
              offsetof(VmClockPage, vm_generation_counter) == 104);

constexpr std::uint32_t kMagic = 0x4b4c4356;  // "VCLK"
constexpr std::uint64_t kHasGeneration = 1U << 8;
constexpr std::size_t kMapped = 4096;
/// The hypervisor writes for less than a microsecond; one that never ends is no witness.
constexpr int kTries = 1000;

template <class Word>
Word load(const unsigned char* page, std::size_t offset) {
    Word word;
    std::memcpy(&word, page + offset, sizeof word);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return word;
}

}  // namespace

VmClock::VmClock(const std::string& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat is {};
    if (file.get() < 0 || ::fstat(file.get(), &is) != 0) return;
    // A page of a file that is cut short would kill its reader.
    if (S_ISREG(is.st_mode) && is.st_size < static_cast<off_t>(kMapped)) return;
    void* const mapped = ::mmap(nullptr, kMapped, PROT_READ, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) return;
    page_ = static_cast<const unsigned char*>(mapped);
    if (load<std::uint32_t>(page_, offsetof(VmClockPage, magic)) == kMagic) {
        last_ = read();
    } else {
        ::munmap(mapped, kMapped);
        page_ = nullptr;
    }
}

VmClock::~VmClock() {
    if (page_ != nullptr) ::munmap(const_cast<unsigned char*>(page_), kMapped);
}

VmClock::VmClock(VmClock&& other) noexcept : page_(std::exchange(other.page_, nullptr)), last_(other.last_) {}

std::optional<VmClock::Marks> VmClock::read() const {
    for (int i = 0; i < kTries; ++i) {
        const auto before = load<std::uint32_t>(page_, offsetof(VmClockPage, seq_count));
        std::atomic_thread_fence(std::memory_order_acquire);
        Marks marks;
        marks.disruption = load<std::uint64_t>(page_, offsetof(VmClockPage, disruption_marker));
        const bool whole = load<std::uint32_t>(page_, offsetof(VmClockPage, size)) >= sizeof(VmClockPage);
        if (whole && (load<std::uint64_t>(page_, offsetof(VmClockPage, flags)) & kHasGeneration) != 0) {
            marks.generation = load<std::uint64_t>(page_, offsetof(VmClockPage, vm_generation_counter));
        }
        std::atomic_thread_fence(std::memory_order_acquire);
        const auto after = load<std::uint32_t>(page_, offsetof(VmClockPage, seq_count));
        if (before == after && before % 2 == 0) return marks;
    }
    return std::nullopt;
}

bool VmClock::disrupted() {
    if (page_ == nullptr) return false;
    const auto now = read();
    if (!now) return false;
    return std::exchange(last_, now).value_or(*now) != *now;
}

}  // namespace berkeley
