// Standard descriptors that are closed when a program starts.
#pragma once

#include <fcntl.h>

namespace berkeley {

/// Fills those of 0, 1 and 2 that are closed, so that no file or socket opened later becomes one of them and
/// gets lines of the log. What is written there fails, as if they were closed. To be called first in main().
inline void fill_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        // open() takes the lowest number that is free.
        if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDONLY));
    }
}

}  // namespace berkeley
