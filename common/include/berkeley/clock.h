/* Berkeley's clock for applications: cluster time, with a certain bound on its error.
 *
 * A Berkeley node writes a small page of shared memory. A reader maps it and evaluates it against the
 * machine's CLOCK_MONOTONIC_RAW, without a system call, a socket or a lock: a read costs little more than
 * clock_gettime().
 *
 * Thread-safety: any number of threads may read through one context. No thread may use a context while, or
 * after, it is closed. Async-signal-safe: berkeley_clock_now(), _before(), _after().
 *
 * Promises. As long as `disruption` is the same in two readings of one machine, the later one is never
 * less than the earlier one, whichever threads or processes took them. With status SYNCHRONIZED or
 * HOLDOVER, cluster time lies in [earliest_ns, latest_ns]. The reader itself notices that a node has died:
 * the interval grows with age, and the status falls to HOLDOVER and then to UNSYNCHRONIZED.
 * CLOCK_MONOTONIC_RAW stands still while a machine is suspended: after waking, a reading may be stale
 * until the node has noticed.
 *
 * All times are nanoseconds. Cluster time counts from 1970-01-01 by convention; nobody checks it
 * against UTC.
 */
#ifndef BERKELEY_CLOCK_H
#define BERKELEY_CLOCK_H

#include <stdint.h>

#if defined(__GNUC__)
#define BERKELEY_CLOCK_API __attribute__((visibility("default")))
#else
#define BERKELEY_CLOCK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct berkeley_clock berkeley_clock;

/* Values of berkeley_clock_interval.status; append-only. */
enum berkeley_clock_status {
    BERKELEY_CLOCK_UNSYNCHRONIZED = 0, /* the interval promises nothing */
    BERKELEY_CLOCK_SYNCHRONIZED = 1,
    BERKELEY_CLOCK_HOLDOVER = 2, /* no master: the interval holds and grows */
    BERKELEY_CLOCK_DISRUPTED = 3 /* the clock was stepped, or the machine was suspended */
};

/* The values that every function here returns; append-only. berkeley_clock_strerror() puts them into words.
 */
enum berkeley_clock_error {
    BERKELEY_CLOCK_OK = 0,
    BERKELEY_CLOCK_ERR_ARGUMENT = 1,       /* a null pointer */
    BERKELEY_CLOCK_ERR_NOT_FOUND = 2,      /* no such page: does the node run? */
    BERKELEY_CLOCK_ERR_PERMISSION = 3,     /* the page may not be read */
    BERKELEY_CLOCK_ERR_FORMAT = 4,         /* not a clock page */
    BERKELEY_CLOCK_ERR_VERSION = 5,        /* a clock page of another version */
    BERKELEY_CLOCK_ERR_EMPTY = 6,          /* the node has not written a time yet */
    BERKELEY_CLOCK_ERR_BUSY = 7,           /* the node stopped or died in the middle of an update */
    BERKELEY_CLOCK_ERR_UNSYNCHRONIZED = 8, /* no bound on the error: nothing to wait for */
    BERKELEY_CLOCK_ERR_DISRUPTED = 9,      /* the clock was stepped while waiting */
    BERKELEY_CLOCK_ERR_SYSTEM = 10         /* the operating system refused; errno says why */
};

typedef struct berkeley_clock_interval {
    int64_t earliest_ns; /* cluster time is not before this... */
    int64_t latest_ns;   /* ...and not after this */
    int64_t now_ns;      /* best single value, never running backward */
    uint64_t term;       /* of the master that last corrected the clock */
    uint32_t disruption; /* rises with every step of the clock */
    int32_t status;      /* enum berkeley_clock_status */
} berkeley_clock_interval;

/* Maps the page at `path`, e.g. "/dev/shm/berkeley/default/s1". A final symbolic link is refused. The
 * mapping outlives restarts of the node. On failure *clock is NULL. */
BERKELEY_CLOCK_API int berkeley_clock_open(const char* path, berkeley_clock** clock);

/* Reads the clock. Bounded: where the writer is stuck in the middle of an update, the call gives up after
 * about a millisecond with BERKELEY_CLOCK_ERR_BUSY. On failure the interval is unbounded and UNSYNCHRONIZED.
 */
BERKELEY_CLOCK_API int berkeley_clock_now(const berkeley_clock* clock, berkeley_clock_interval* interval);

/* Unmaps the page. NULL is allowed. */
BERKELEY_CLOCK_API void berkeley_clock_close(berkeley_clock* clock);

/* 1 if `a` certainly lies before (after) `b`, else 0. Overlapping intervals are neither. Requires: both
 * readings were taken with status SYNCHRONIZED or HOLDOVER. You may compare readings of different nodes. If
 * one node's clock stepped between its two readings (another `disruption`), they are times of two clocks, and
 * only the later one is the cluster's: then neither answer says which event came first. */
BERKELEY_CLOCK_API int berkeley_clock_before(const berkeley_clock_interval* a,
                                             const berkeley_clock_interval* b);
BERKELEY_CLOCK_API int berkeley_clock_after(const berkeley_clock_interval* a,
                                            const berkeley_clock_interval* b);

/* Commit-wait: returns once cluster time is certainly later than `ns` on every correct node, that is
 * earliest_ns > ns. Fails at once where there is no bound (UNSYNCHRONIZED, DISRUPTED), and when the clock
 * is stepped while waiting, because `ns` then belongs to an old time. The call cannot see an earlier step:
 * compare `disruption` with that of the reading that `ns` came from. Sleeps for the most part, and never
 * returns early. Where `ns` is the reading's latest_ns, it waits for about the width of the interval. */
BERKELEY_CLOCK_API int berkeley_clock_wait_until_past(const berkeley_clock* clock, int64_t ns);

/* Returns one line of English; never NULL. Do not free it. */
BERKELEY_CLOCK_API const char* berkeley_clock_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
