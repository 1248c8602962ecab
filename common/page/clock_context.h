/* What a reader's context is, and how it comes to a snapshot that may be evaluated. Private to the library
 * `berkeley-clock`.
 *
 * The mapping is replaced in place (MAP_FIXED) when the path names another file: no pointer changes, nothing
 * leaks, and a signal handler may read meanwhile. A snapshot that was begun in the old file and ended in the
 * new one is seen by the sequence, which starts at random in each file.
 */
#ifndef BERKELEY_PAGE_CLOCK_CONTEXT_H
#define BERKELEY_PAGE_CLOCK_CONTEXT_H

#include "berkeley/clock.h"
#include "page/clock_page_layout.h"

struct berkeley_clock {
    const struct berkeley_page* page; /* never changes; the file behind it may */
    char* path;                       /* absolute */
    uint64_t boot;                    /* of this machine; 0: unknown */
    /* The rest is atomic: threads that find the page stale write it. */
    uint64_t time_namespace; /* of this process, when last looked; 0: unknown */
    uint64_t device;
    uint64_t inode;
    int64_t looked_at; /* when the path was last looked at; 0: never */
};

/* A snapshot that may be evaluated at `t`. */
struct berkeley_snapshot {
    struct berkeley_page copy;
    int64_t t;
    int slept; /* the machine was suspended since the page was written */
};

int berkeley_clock_take(const berkeley_clock* clock, struct berkeley_snapshot* snapshot);

/* Evaluates the snapshot at its own time. */
void berkeley_clock_evaluate(const struct berkeley_snapshot* snapshot, berkeley_clock_interval* interval);

/* The unbounded interval; returns `error`. */
int berkeley_clock_fail(berkeley_clock_interval* interval, int error);

#endif
