#include "bench/interrupt_guard.hpp"

#include <csignal>

namespace berkeley::bench {

namespace {

volatile std::sig_atomic_t interrupted_by = 0;
void note_interrupt(int number) { interrupted_by = number; }

}  // namespace

InterruptGuard::InterruptGuard() {
    struct sigaction action {};
    action.sa_handler = note_interrupt;
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
}

InterruptGuard::~InterruptGuard() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
    if (interrupted_by != 0) ::raise(interrupted_by);
}

Result<void> InterruptGuard::check() {
    if (interrupted_by != 0) return failure("interrupted");
    return {};
}

}  // namespace berkeley::bench
