// Doorbell: wakes a loop that sleeps in epoll, from any thread (eventfd). Thread-safe.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "os/file_descriptor.hpp"

namespace berkeley {

class Doorbell {
public:
    Doorbell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    /// -1 where the system had no descriptor left.
    int descriptor() const { return fd_.get(); }
    void ring() const {
        const std::uint64_t one = 1;
        // The write fails only after 2^64 rings, and then the bell rings already.
        [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
    }
    void silence() const {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto taken = ::read(fd_.get(), &count, sizeof count);
    }

private:
    FileDescriptor fd_;
};

}  // namespace berkeley
