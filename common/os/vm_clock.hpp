// VmClock: tells from /dev/vmclock0 that the hypervisor disturbed this machine's time: the guest was paused,
// moved to another host, or restored from a snapshot.
//
// The hypervisor keeps one page (struct vmclock_abi of linux/vmclock-abi.h). Its `disruption_marker` changes
// when clocks may have jumped, and `vm_generation_counter`, where there is one, when the machine was restored
// or cloned (VMGENID). We only compare; the page's clock is not read. A page of another kind, or none, is no
// witness. Reading costs no system call. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace berkeley {

class VmClock {
public:
    static constexpr const char* kUsualPath = "/dev/vmclock0";

    explicit VmClock(const std::string& path = kUsualPath);
    ~VmClock();
    VmClock(VmClock&& other) noexcept;
    VmClock& operator=(VmClock&&) = delete;

    bool present() const { return page_ != nullptr; }

    /// True once after the page's marker or generation changed since the last call.
    bool disrupted();

private:
    struct Marks {
        std::uint64_t disruption = 0;
        std::uint64_t generation = 0;
        friend bool operator==(const Marks&, const Marks&) = default;
    };
    std::optional<Marks> read() const;

    const unsigned char* page_ = nullptr;
    std::optional<Marks> last_;
};

}  // namespace berkeley
