// Witnesses: what this machine says of jumps of its own time, so that a node notices them before its next
// round.
//
//   a suspend          CLOCK_BOOTTIME goes on, CLOCK_MONOTONIC stands still; the loop wakes by its timer,
//   which
//                      runs on CLOCK_BOOTTIME, and by the kernel's setting of CLOCK_REALTIME on resume
//   a VM's pause,      /dev/vmclock0 (vm_clock.hpp); and, where the kernel has VMGENID, its uevent
//   move or restore
//   another oscillator the kernel chose another clock source: CLOCK_MONOTONIC_RAW has another rate from then
//   on a set clock        somebody set CLOCK_REALTIME: no disruption, but a system clock that is steered
//   moved
//
// Each source may be missing; then it is no witness. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "os/file_descriptor.hpp"
#include "os/os_clock.hpp"
#include "os/vm_clock.hpp"

namespace berkeley {

struct WitnessPlaces {
    std::string vm_clock = VmClock::kUsualPath;
    std::string clock_source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
};

/// Whether a kernel's uevent says that the machine was restored or cloned.
bool is_new_vm_generation(std::string_view uevent);

class Witnesses {
public:
    /// `uevents`: a socket that delivers the kernel's uevents; by default it opens one.
    explicit Witnesses(SuspendDetector suspend, const WitnessPlaces& places = {},
                       std::optional<FileDescriptor> uevents = std::nullopt);

    /// What disrupted this machine's time since the last look, in words for people; empty: nothing did. It
    /// costs three readings of a clock.
    std::string_view look();

    /// Readable when take_woken() has something to take; -1: none. One descriptor for all.
    int descriptor() const { return epoll_.get(); }
    /// Takes what woke the loop. True: CLOCK_REALTIME was set.
    bool take_woken();

    /// The clock source; empty where the kernel does not say.
    const std::string& clock_source() const { return clock_source_; }
    /// The former clock source, once after it has changed. It costs a system call.
    std::optional<std::string> changed_clock_source();

private:
    std::string read_clock_source() const;

    SuspendDetector suspend_;
    VmClock vm_clock_;
    FileDescriptor set_timer_;  ///< readable when CLOCK_REALTIME was set
    FileDescriptor uevents_;
    FileDescriptor epoll_;
    FileDescriptor clock_source_file_;
    std::string clock_source_;
    bool new_generation_ = false;
};

}  // namespace berkeley
