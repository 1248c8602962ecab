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
    uint64_t identity;       /* berkeley_clock_identity() of a page that is in order */
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

/* Header, boot and time namespace in one word, to be compared at once. Two of them would have to be wrong by
 * the same 64 bits to look right. */
static inline uint64_t berkeley_clock_identity(uint64_t header, uint64_t boot, uint64_t time_namespace) {
    return header ^ boot ^ time_namespace;
}

/* Any page, with all doubts looked into. */
int berkeley_clock_take(const berkeley_clock* clock, struct berkeley_snapshot* snapshot);

/* The unbounded interval; returns `error`. */
int berkeley_clock_fail(berkeley_clock_interval* interval, int error);

#endif
