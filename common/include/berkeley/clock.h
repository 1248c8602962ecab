/* Berkeley's clock for applications: cluster time, with a certain bound on its error.
 *
 * A Berkeley node writes a small page of shared memory. A reader maps it and evaluates it against the
 * machine's CLOCK_MONOTONIC_RAW, without a system call, a socket or a lock: a read costs little more than
 * clock_gettime().
 *
 * Thread-safety: any number of threads may read through one context. No thread may use a context while, or
 * after, it is closed. Async-signal-safe: berkeley_clock_now(), _read(), _at(), _before(), _after().
 *
 * Promises. As long as `disruption` is the same in two readings of one machine, the later one is never
 * less than the earlier one, whichever threads or processes took them.
 *   SYNCHRONIZED  Cluster time lies in [earliest_ns, latest_ns], and the interval overlaps every other
 *                 SYNCHRONIZED reading of the cluster that is taken at the same instant.
 *   HOLDOVER      The same holds for the cluster time of `term` only, in which this clock was last corrected.
 *                 The clock is cut off: a new master that it cannot hear may lead by another time.
 * A node that dies or hangs is noticed by the reader itself: the interval grows with age, and the status
 * falls to HOLDOVER and then to UNSYNCHRONIZED. A suspend of the machine that no node has noticed is
 * DISRUPTED. A context follows its path: where the page is made anew, it goes over to the new one within 2.1
 * s.
 *
 * A page can only be read where its clock is the reader's: another version, another boot of the machine, and
 * another time namespace (containers restored by CRIU) are errors of their own.
 *
 * All times are nanoseconds. Cluster time counts from 1970-01-01 by convention; nobody checks it
 * against UTC.
 */
#ifndef BERKELEY_CLOCK_H
#define BERKELEY_CLOCK_H

#include <stddef.h>
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
    BERKELEY_CLOCK_HOLDOVER = 2, /* no master: the interval holds for its term, and grows */
    BERKELEY_CLOCK_DISRUPTED = 3 /* the clock was stepped, or the machine was suspended */
};

/* The values that every function here returns; append-only. berkeley_clock_strerror() puts them into words.
 */
enum berkeley_clock_error {
    BERKELEY_CLOCK_OK = 0,
    BERKELEY_CLOCK_ERR_ARGUMENT = 1,       /* a null pointer, or a value that is not allowed */
    BERKELEY_CLOCK_ERR_NOT_FOUND = 2,      /* no such page: does the node run? */
    BERKELEY_CLOCK_ERR_PERMISSION = 3,     /* the page may not be read */
    BERKELEY_CLOCK_ERR_FORMAT = 4,         /* not a clock page */
    BERKELEY_CLOCK_ERR_VERSION = 5,        /* a clock page of another version */
    BERKELEY_CLOCK_ERR_EMPTY = 6,          /* the node has not written a time yet */
    BERKELEY_CLOCK_ERR_BUSY = 7,           /* the node stopped or died in the middle of an update */
    BERKELEY_CLOCK_ERR_UNSYNCHRONIZED = 8, /* no bound on the error: nothing to wait for */
    BERKELEY_CLOCK_ERR_DISRUPTED = 9,      /* the clock was stepped while waiting */
    BERKELEY_CLOCK_ERR_SYSTEM = 10,        /* the operating system refused; errno says why */
    BERKELEY_CLOCK_ERR_BOOT = 11, /* the page is of another boot of this machine, or of another one */
    BERKELEY_CLOCK_ERR_TIME_NAMESPACE = 12, /* the node's clocks are not this process's */
    BERKELEY_CLOCK_ERR_TRUNCATED = 13,      /* a clock page that has lost its end */
    BERKELEY_CLOCK_ERR_HOLDOVER = 14,       /* the clock is in HOLDOVER, and the caller did not allow it */
    BERKELEY_CLOCK_ERR_TIMEOUT = 15,        /* the time given to wait is over */
    BERKELEY_CLOCK_ERR_STAMP = 16           /* a stamp of the future, or older than the last disruption */
};

typedef struct berkeley_clock_interval {
    int64_t earliest_ns; /* cluster time is not before this... */
    int64_t latest_ns;   /* ...and not after this */
    int64_t now_ns;      /* best single value, never running backward */
    uint64_t term;       /* of the master that last corrected the clock; 0: none has */
    uint32_t disruption; /* rises with every step of the clock; starts at random */
    int32_t status;      /* enum berkeley_clock_status */
} berkeley_clock_interval;

/* A reading with all that the page tells; later versions append to it. */
typedef struct berkeley_clock_reading {
    berkeley_clock_interval interval;
    int64_t raw_ns;           /* CLOCK_MONOTONIC_RAW at which `interval` was taken */
    int64_t age_ns;           /* since the measurement behind the last correction */
    int64_t published_ago_ns; /* since the node last wrote the page; a running node writes every second */
    int64_t suspect_for_ns;   /* for how long the others have disagreed with this clock; -1: they agree */
    int64_t unslewed_ns;      /* how much of the last correction is still to come; part of the interval */
    int64_t rate_ppb;         /* cluster seconds gained per 1e9 s of CLOCK_MONOTONIC_RAW, without slewing */
    uint64_t generation;      /* drawn anew when the node starts */
    uint64_t round;           /* in which the clock was last corrected */
    int32_t running;          /* 1: the node wrote the page within the last 3 s; 0: it hangs or is dead */
    int32_t reserved;
} berkeley_clock_reading;

/* For `flags`. HOLDOVER is refused by default, because what was waited for may not hold for a new master's
 * time; see above. */
enum berkeley_clock_flag { BERKELEY_CLOCK_ALLOW_HOLDOVER = 1 };

/* Maps the page at `path`, e.g. "/dev/shm/berkeley/default/s1". A final symbolic link is refused. The
 * context outlives restarts of the node and a page that is made anew. On failure *clock is NULL. */
BERKELEY_CLOCK_API int berkeley_clock_open(const char* path, berkeley_clock** clock);

/* Reads the clock. Bounded: where the writer is stuck in the middle of an update, the call gives up after
 * about a millisecond with BERKELEY_CLOCK_ERR_BUSY. On failure the interval is unbounded and UNSYNCHRONIZED.
 */
BERKELEY_CLOCK_API int berkeley_clock_now(const berkeley_clock* clock, berkeley_clock_interval* interval);

/* The same with all that the page tells. `size` is sizeof(berkeley_clock_reading) of the caller: an older
 * caller gets the fields that it knows, and fields that this library does not know are 0. */
BERKELEY_CLOCK_API int berkeley_clock_read(const berkeley_clock* clock, berkeley_clock_reading* reading,
                                           size_t size);

/* Cluster time at a past instant: `stamp_ns` of CLOCK_MONOTONIC_RAW (best) or CLOCK_REALTIME (`clock_id`), as
 * the kernel, a log or another process took it on this machine. The interval holds cluster time of that
 * instant as far as is known now; it grows with the distance, and more before the last correction, because
 * cluster time may have been slewed by up to 1000 ppm. CLOCK_REALTIME must not have been stepped since; its
 * slewing (1000 ppm at most) is in the interval. BERKELEY_CLOCK_ERR_STAMP for a stamp of the future, and for
 * one from before the last step of the clock or sleep of the machine. `now_ns` is no reading: it may lie
 * behind what _now() gave at that instant. */
BERKELEY_CLOCK_API int berkeley_clock_at(const berkeley_clock* clock, int clock_id, int64_t stamp_ns,
                                         berkeley_clock_interval* interval);

/* Unmaps the page. NULL is allowed. */
BERKELEY_CLOCK_API void berkeley_clock_close(berkeley_clock* clock);

/* 1 if `a` certainly lies before (after) `b`, else 0. Overlapping intervals are neither. Readings of two
 * terms are neither where one of them was taken in HOLDOVER. Requires: both readings were taken with status
 * SYNCHRONIZED or HOLDOVER. You may compare readings of different nodes. If one node's clock stepped between
 * its two readings (another `disruption`), they are times of two clocks, and only the later one is the
 * cluster's: then neither answer says which event came first. */
BERKELEY_CLOCK_API int berkeley_clock_before(const berkeley_clock_interval* a,
                                             const berkeley_clock_interval* b);
BERKELEY_CLOCK_API int berkeley_clock_after(const berkeley_clock_interval* a,
                                            const berkeley_clock_interval* b);

/* Commit-wait: returns once cluster time is certainly later than `ns` on every correct node, that is
 * earliest_ns > ns. Fails at once where there is no bound (UNSYNCHRONIZED, DISRUPTED), in HOLDOVER, and when
 * the clock is stepped while waiting, because `ns` then belongs to an old time. The call cannot see an
 * earlier step: compare `disruption` with that of the reading that `ns` came from. Sleeps for the most part,
 * and never returns early. Where `ns` is the reading's latest_ns, it waits for about the width of the
 * interval. */
BERKELEY_CLOCK_API int berkeley_clock_wait_until_past(const berkeley_clock* clock, int64_t ns);

/* The same with flags: with BERKELEY_CLOCK_ALLOW_HOLDOVER the promise holds among the clocks that were last
 * corrected in the same term, and no others. */
BERKELEY_CLOCK_API int berkeley_clock_commit_wait(const berkeley_clock* clock, int64_t ns, unsigned flags);

/* Sleeps until this node's clock reads `ns` or later (now_ns >= ns), never less; the system wakes a sleeper
 * some 50 us late. Fails as berkeley_clock_commit_wait() does. */
BERKELEY_CLOCK_API int berkeley_clock_sleep_until(const berkeley_clock* clock, int64_t ns, unsigned flags);

/* Waits until the clock is SYNCHRONIZED and its interval no wider than +-bound_ns (0: any width). Gives up
 * after timeout_ns (0: looks once; negative: never) with BERKELEY_CLOCK_ERR_TIMEOUT, or with the error that
 * reading the page gave last. */
BERKELEY_CLOCK_API int berkeley_clock_wait_synchronized(const berkeley_clock* clock, int64_t bound_ns,
                                                        int64_t timeout_ns);

/* Returns one line of English; never NULL. Do not free it. */
BERKELEY_CLOCK_API const char* berkeley_clock_strerror(int error);

#ifdef __cplusplus
}
#endif

#endif
