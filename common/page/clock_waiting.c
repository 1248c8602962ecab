/* Waiting by the clock: commit-wait, sleeping until an instant of cluster time, waiting for synchronisation;
 * and the errors in words. Nobody tells a reader of a change, so a wait looks again at least ten times a
 * second. */
#define _GNU_SOURCE
#include <time.h>

#include "page/clock_context.h"

/* One sleep at most: a step of the clock is noticed within this. */
#define SLEEP_MAX_NS INT64_C(100000000)
/* A wait outlasts a writer that was merely preempted: this many attempts, 1 ms apart. */
#define BUSY_MAX 1000
/* Looking for synchronisation. */
#define LOOK_NS INT64_C(10000000)

static void sleep_ns(int64_t ns) {
    struct timespec duration;
    if (ns > SLEEP_MAX_NS) ns = SLEEP_MAX_NS;
    duration.tv_sec = 0;
    duration.tv_nsec = (long)ns;
    /* Cut short by a signal is as good: the caller looks at the clock again. */
    clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
}

/* now(), with more patience than berkeley_clock_now() has. */
static int now_patiently(const berkeley_clock* clock, berkeley_clock_interval* interval) {
    int attempt = 0;
    int error = berkeley_clock_now(clock, interval);
    while (error == BERKELEY_CLOCK_ERR_BUSY && ++attempt < BUSY_MAX) {
        sleep_ns(1000000);
        error = berkeley_clock_now(clock, interval);
    }
    return error;
}

static int waiting_error(const berkeley_clock_interval* interval, uint32_t disruption, unsigned flags) {
    if (interval->disruption != disruption || interval->status == BERKELEY_CLOCK_DISRUPTED)
        return BERKELEY_CLOCK_ERR_DISRUPTED;
    if (interval->status == BERKELEY_CLOCK_UNSYNCHRONIZED) return BERKELEY_CLOCK_ERR_UNSYNCHRONIZED;
    if (interval->status == BERKELEY_CLOCK_HOLDOVER && !(flags & BERKELEY_CLOCK_ALLOW_HOLDOVER))
        return BERKELEY_CLOCK_ERR_HOLDOVER;
    return BERKELEY_CLOCK_OK;
}

static int64_t earliest_of(const berkeley_clock_interval* interval) { return interval->earliest_ns; }
static int64_t now_of(const berkeley_clock_interval* interval) { return interval->now_ns; }

/* Until that value of a reading is at least `ns`. */
static int wait_for(const berkeley_clock* clock, int64_t ns, unsigned flags,
                    int64_t (*value)(const berkeley_clock_interval*)) {
    berkeley_clock_interval interval;
    uint32_t disruption;
    int error;
    if (flags & ~(unsigned)BERKELEY_CLOCK_ALLOW_HOLDOVER) return BERKELEY_CLOCK_ERR_ARGUMENT;
    error = now_patiently(clock, &interval);
    disruption = interval.disruption;
    for (;;) {
        if (error == BERKELEY_CLOCK_OK) error = waiting_error(&interval, disruption, flags);
        if (error != BERKELEY_CLOCK_OK) return error;
        if (value(&interval) >= ns) return BERKELEY_CLOCK_OK;
        sleep_ns(berkeley_page_sub_saturated(ns, value(&interval)));
        error = now_patiently(clock, &interval);
    }
}

int berkeley_clock_commit_wait(const berkeley_clock* clock, int64_t ns, unsigned flags) {
    /* Nothing is past the end of time. */
    if (ns == INT64_MAX) return BERKELEY_CLOCK_ERR_ARGUMENT;
    return wait_for(clock, ns + 1, flags, earliest_of);
}

int berkeley_clock_wait_until_past(const berkeley_clock* clock, int64_t ns) {
    return berkeley_clock_commit_wait(clock, ns, 0);
}

int berkeley_clock_sleep_until(const berkeley_clock* clock, int64_t ns, unsigned flags) {
    return wait_for(clock, ns, flags, now_of);
}

static int64_t monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int berkeley_clock_wait_synchronized(const berkeley_clock* clock, int64_t bound_ns, int64_t timeout_ns) {
    const int64_t end = timeout_ns < 0 ? INT64_MAX : berkeley_page_add_saturated(monotonic_ns(), timeout_ns);
    if (clock == NULL || bound_ns < 0) return BERKELEY_CLOCK_ERR_ARGUMENT;
    for (;;) {
        berkeley_clock_interval interval;
        const int error = berkeley_clock_now(clock, &interval);
        const int64_t width = berkeley_page_sub_saturated(interval.latest_ns, interval.now_ns);
        const int64_t left = berkeley_page_sub_saturated(end, monotonic_ns());
        if (error == BERKELEY_CLOCK_OK && interval.status == BERKELEY_CLOCK_SYNCHRONIZED &&
            (bound_ns == 0 || width <= bound_ns))
            return BERKELEY_CLOCK_OK;
        /* No node can mend this one. */
        if (error == BERKELEY_CLOCK_ERR_TIME_NAMESPACE) return error;
        if (left <= 0) return error != BERKELEY_CLOCK_OK ? error : BERKELEY_CLOCK_ERR_TIMEOUT;
        sleep_ns(left < LOOK_NS ? left : LOOK_NS);
    }
}

const char* berkeley_clock_strerror(int error) {
    switch (error) {
        case BERKELEY_CLOCK_OK:
            return "no error";
        case BERKELEY_CLOCK_ERR_ARGUMENT:
            return "a null pointer or a value that is not allowed was passed";
        case BERKELEY_CLOCK_ERR_NOT_FOUND:
            return "no such clock page; does the node run?";
        case BERKELEY_CLOCK_ERR_PERMISSION:
            return "the clock page may not be read";
        case BERKELEY_CLOCK_ERR_FORMAT:
            return "the file is not a clock page";
        case BERKELEY_CLOCK_ERR_VERSION:
            return "the clock page has another version than this library";
        case BERKELEY_CLOCK_ERR_EMPTY:
            return "the node has not written any time yet";
        case BERKELEY_CLOCK_ERR_BUSY:
            return "the node stopped in the middle of an update";
        case BERKELEY_CLOCK_ERR_UNSYNCHRONIZED:
            return "the clock is not synchronized";
        case BERKELEY_CLOCK_ERR_DISRUPTED:
            return "the clock was stepped, or the machine was suspended";
        case BERKELEY_CLOCK_ERR_SYSTEM:
            return "the operating system refused; see errno";
        case BERKELEY_CLOCK_ERR_BOOT:
            return "the clock page is of another boot, or of another machine";
        case BERKELEY_CLOCK_ERR_TIME_NAMESPACE:
            return "the clock page is of another time namespace: its clock is not this process's";
        case BERKELEY_CLOCK_ERR_TRUNCATED:
            return "the clock page has lost its end";
        case BERKELEY_CLOCK_ERR_HOLDOVER:
            return "the clock is in holdover: it promises nothing about a new master's time";
        case BERKELEY_CLOCK_ERR_TIMEOUT:
            return "the clock was not synchronized within the time given";
        case BERKELEY_CLOCK_ERR_STAMP:
            return "the stamp is of the future, or older than the last disruption of the clock";
        default:
            return "unknown error";
    }
}
