// InterruptGuard: while it lives, SIGINT and SIGTERM only leave a note, which check() turns into a failure.
// Then this process dies of the signal after all: as the outermost object, when everything that was started
// is gone. At most one at a time.
#pragma once

#include <csignal>

#include "base/result.hpp"

namespace berkeley::bench {

class InterruptGuard {
public:
    InterruptGuard() {
        struct sigaction action {};
        action.sa_handler = [](int number) { interrupted_by_ = number; };
        ::sigaction(SIGINT, &action, &old_int_);
        ::sigaction(SIGTERM, &action, &old_term_);
    }
    ~InterruptGuard() {
        ::sigaction(SIGINT, &old_int_, nullptr);
        ::sigaction(SIGTERM, &old_term_, nullptr);
        if (interrupted_by_ != 0) ::raise(interrupted_by_);
    }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

    [[nodiscard]] static Result<void> check() {
        return interrupted_by_ == 0 ? Result<void>{} : failure("interrupted");
    }

private:
    static inline volatile std::sig_atomic_t interrupted_by_ = 0;
    struct sigaction old_int_ {};
    struct sigaction old_term_ {};
};

}  // namespace berkeley::bench
