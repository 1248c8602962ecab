// InterruptGuard: while it lives, SIGINT and SIGTERM only leave a note, which check() turns into a failure.
// Then this process dies of the signal after all: as the outermost object, when everything that was started
// is gone. At most one at a time.
#pragma once

#include <signal.h>

#include "base/result.hpp"

namespace berkeley::bench {

class InterruptGuard {
public:
    InterruptGuard();
    ~InterruptGuard();
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    [[nodiscard]] static Result<void> check();

private:
    struct sigaction old_int_ {};
    struct sigaction old_term_ {};
};

}  // namespace berkeley::bench
