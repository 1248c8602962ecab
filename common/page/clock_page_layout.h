/* The clock page's words, its sequence lock, and the one formula by which it is evaluated. Private to the
 * writer (C++) and the reader (C); applications use berkeley/clock.h.
 *
 *   map(t) = anchor_cluster + dt + floor(dt * (rate +- slew_rate))    while dt < slew_for
 *   map(t) = anchor_cluster + dt + floor(dt * rate) + slew            from then on,  dt = t - anchor_true
 *   now(t) = max(floor, map(t))
 *
 * Rounding once, and not rate and slew apart, is what keeps map() monotonic to the nanosecond: two floors
 * of two falling terms can take 2 ns away where one nanosecond passes.
 *
 * How time never runs backward over an update, for readers on any CPU:
 *   writer: sequence odd; then T0 = clock; V0 = now(T0) of the *old* page; new floor >= V0; words; even.
 *   reader: sequence; words; then its clock *inside* the section; sequence again.
 * A reader that kept the old page read its clock before the sequence became odd, thus before T0, so it
 * saw at most V0; whoever sees the new page sees at least the floor. A writer that is preempted anywhere
 * only makes readers wait. Two orderings are not given by memory order alone, as reading a clock is no
 * memory access: the writer's odd sequence must be visible to others before it reads its clock (an atomic
 * exchange, which is a full barrier), and the reader must not load the sequence again before it has its
 * clock (the address of that load depends on the clock's value).
 *
 * There are no fences: the words are loaded with acquire and stored with release order, which costs nothing
 * on x86, is complete by the language's rules, and is understood by the thread sanitizer.
 *
 * Every word is an unsigned 64-bit integer in the machine's order. Rates are signed, in units of 2^-62.
 *
 * Versions. The first 16 words are those of version 1 and mean what they meant, for a reader of version 1 may
 * have the file mapped when a newer node takes it over. It knows neither terms nor sleeps, so what it takes
 * for HOLDOVER would be more than we can promise: it is told UNSYNCHRONIZED instead, by words 12 and 15. What
 * a reader of version 2 goes by stands in words 16 and 23. A reader looks at the header, the least version of
 * a reader, the boot and the time namespace at every snapshot, since another node may take the file over.
 */
#ifndef BERKELEY_PAGE_CLOCK_PAGE_LAYOUT_H
#define BERKELEY_PAGE_CLOCK_PAGE_LAYOUT_H

#include <stdint.h>
#include <time.h>

enum berkeley_page_word {
    BERKELEY_PAGE_HEADER,         /* magic (32 bits), version (16), size in bytes (16) */
    BERKELEY_PAGE_SEQUENCE,       /* odd: being written; 0: nothing written yet */
    BERKELEY_PAGE_GENERATION,     /* drawn anew when a node starts */
    BERKELEY_PAGE_ANCHOR_TRUE,    /* CLOCK_MONOTONIC_RAW */
    BERKELEY_PAGE_ANCHOR_CLUSTER, /* cluster time at the anchor */
    BERKELEY_PAGE_RATE,           /* cluster seconds gained per true second, 2^-62 */
    BERKELEY_PAGE_SLEW,           /* signed, what is still to be added as of the anchor */
    BERKELEY_PAGE_SLEW_RATE,      /* >= 0, 2^-62 */
    BERKELEY_PAGE_SLEW_FOR,       /* slewing ends this long after the anchor */
    BERKELEY_PAGE_FLOOR,          /* cluster time reads no less */
    BERKELEY_PAGE_BOUND,          /* half-width of the error at BOUND_AT, without what is unslewed */
    BERKELEY_PAGE_BOUND_AT,       /* CLOCK_MONOTONIC_RAW */
    BERKELEY_PAGE_DEADLINES_V1,   /* for readers of version 1: no HOLDOVER */
    BERKELEY_PAGE_RHO_DISRUPTION, /* low: growth of the bound, 2^-32, rounded up; high: disruption count */
    BERKELEY_PAGE_TERM,           /* in which the clock was last corrected */
    BERKELEY_PAGE_ROUND_STATUS,   /* low 8 bits: status for readers of version 1; above: the round */
    BERKELEY_PAGE_READER_STATUS,  /* least version of a reader (16 bits), status (8 bits) */
    BERKELEY_PAGE_BOOT,           /* the machine's boot id, folded; 0: unknown */
    BERKELEY_PAGE_TIME_NAMESPACE, /* inode of the writer's; 0: unknown */
    BERKELEY_PAGE_ASLEEP,         /* CLOCK_BOOTTIME - CLOCK_MONOTONIC at publication: rises by each suspend */
    BERKELEY_PAGE_PUBLISHED_AT,   /* CLOCK_MONOTONIC_RAW; a running node publishes every second */
    BERKELEY_PAGE_SUSPECT_SINCE,  /* CLOCK_MONOTONIC_RAW; 0: the others agree with this clock */
    BERKELEY_PAGE_HISTORY_SINCE, /* CLOCK_MONOTONIC_RAW of the last step or sleep: earlier stamps mean nothing
                                  */
    BERKELEY_PAGE_DEADLINES,     /* low 32 bits: HOLDOVER this many ms after BOUND_AT; high: UNSYNCHRONIZED */
    BERKELEY_PAGE_CLUSTER,       /* hash of the cluster's name */
    BERKELEY_PAGE_WORDS
};

/* The first word that readers have no use for. */
#define BERKELEY_PAGE_READ_WORDS BERKELEY_PAGE_CLUSTER
/* Room for words to come: a whole number of cache lines. */
#define BERKELEY_PAGE_BYTES 256
#define BERKELEY_PAGE_VERSION 2
/* A reader of an older version must not read what this writer writes. */
#define BERKELEY_PAGE_LEAST_READER 2
#define BERKELEY_PAGE_BYTES_V1 128
#define BERKELEY_PAGE_MAGIC UINT64_C(0x424b4c59) /* "BKLY" */
#define BERKELEY_PAGE_HEADER_OF(version, bytes) \
    ((BERKELEY_PAGE_MAGIC << 32) | ((uint64_t)(version) << 16) | (uint64_t)(bytes))
#define BERKELEY_PAGE_HEADER_VALUE BERKELEY_PAGE_HEADER_OF(BERKELEY_PAGE_VERSION, BERKELEY_PAGE_BYTES)
#define BERKELEY_PAGE_HEADER_V1 BERKELEY_PAGE_HEADER_OF(1, BERKELEY_PAGE_BYTES_V1)
#define BERKELEY_PAGE_RATE_BITS 62

/* A running node publishes every second; a page that is older than this has lost its node, or the node the
 * processor. Then a reader looks closer: did the machine sleep, does the path name another file? */
#define BERKELEY_PAGE_STALE_NS INT64_C(2000000000)
/* A suspend is noticed from this length on; as SuspendDetector's. */
#define BERKELEY_PAGE_SLEEP_MIN_NS INT64_C(1000000)

/* A reader gives up on a writer that is stuck after this long... */
#define BERKELEY_PAGE_PATIENCE_NS INT64_C(1000000)
/* ...and lets other threads run after every so many attempts: the writer may need this very CPU. */
#define BERKELEY_PAGE_SPINS 64

struct berkeley_page {
    uint64_t word[BERKELEY_PAGE_BYTES / 8];
};

static inline uint64_t berkeley_page_load(const uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void berkeley_page_store(uint64_t* word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline int64_t berkeley_page_true_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Sums wrap instead of being undefined: a page may hold anything. */
static inline int64_t berkeley_page_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

static inline int64_t berkeley_page_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

static inline int64_t berkeley_page_add_saturated(int64_t a, int64_t b) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static inline int64_t berkeley_page_sub_saturated(int64_t a, int64_t b) {
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference)) return a < 0 ? INT64_MIN : INT64_MAX;
    return difference;
}

static inline int64_t berkeley_page_int(const struct berkeley_page* copy, enum berkeley_page_word index) {
    return (int64_t)copy->word[index];
}

/* The same as berkeley_page_scale(), for machines without a 128-bit integer. */
static inline int64_t berkeley_page_scale_in_halves(int64_t a, int64_t b, unsigned bits) {
    const uint64_t ua = a < 0 ? 0 - (uint64_t)a : (uint64_t)a;
    const uint64_t ub = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    const uint64_t low_low = (ua & UINT32_MAX) * (ub & UINT32_MAX);
    const uint64_t low_high = (ua & UINT32_MAX) * (ub >> 32);
    const uint64_t high_low = (ua >> 32) * (ub & UINT32_MAX);
    const uint64_t middle = (low_low >> 32) + (low_high & UINT32_MAX) + (high_low & UINT32_MAX);
    uint64_t low = (middle << 32) | (low_low & UINT32_MAX);
    uint64_t high = (ua >> 32) * (ub >> 32) + (low_high >> 32) + (high_low >> 32) + (middle >> 32);
    if ((a < 0) != (b < 0)) {
        low = 0 - low;
        high = ~high + (low == 0);
    }
    return (int64_t)((high << (64 - bits)) | (low >> bits));
}

#if defined(__SIZEOF_INT128__)
__extension__ typedef __int128 berkeley_int128;
#endif

/* floor(a * b / 2^bits), wrapped to 64 bits. Requires: 0 < bits < 64. */
static inline int64_t berkeley_page_scale(int64_t a, int64_t b, unsigned bits) {
#if defined(__SIZEOF_INT128__)
    return (int64_t)(((berkeley_int128)a * b) >> bits);
#else
    return berkeley_page_scale_in_halves(a, b, bits);
#endif
}

/* map(t) of a consistent copy; *unslewed_ns is how much of the slew is left, rounded up. */
static inline int64_t berkeley_page_map(const struct berkeley_page* copy, int64_t t, int64_t* unslewed_ns) {
    const int64_t dt = berkeley_page_sub(t, berkeley_page_int(copy, BERKELEY_PAGE_ANCHOR_TRUE));
    const int64_t slew = berkeley_page_int(copy, BERKELEY_PAGE_SLEW);
    const int64_t slew_for = berkeley_page_int(copy, BERKELEY_PAGE_SLEW_FOR);
    int64_t rate = berkeley_page_int(copy, BERKELEY_PAGE_RATE);
    int64_t base = berkeley_page_add(berkeley_page_int(copy, BERKELEY_PAGE_ANCHOR_CLUSTER), dt);
    *unslewed_ns = 0;
    if (dt < slew_for) {
        const int64_t slew_rate = berkeley_page_int(copy, BERKELEY_PAGE_SLEW_RATE);
        const int64_t left = berkeley_page_sub_saturated(slew_for, dt);
        rate = slew < 0 ? berkeley_page_sub(rate, slew_rate) : berkeley_page_add(rate, slew_rate);
        *unslewed_ns = berkeley_page_add(berkeley_page_scale(left, slew_rate, BERKELEY_PAGE_RATE_BITS), 1);
    } else {
        base = berkeley_page_add(base, slew);
    }
    return berkeley_page_add(base, berkeley_page_scale(dt, rate, BERKELEY_PAGE_RATE_BITS));
}

/* now(t) of a consistent copy. */
static inline int64_t berkeley_page_now(const struct berkeley_page* copy, int64_t t) {
    int64_t unslewed;
    const int64_t mapped = berkeley_page_map(copy, t, &unslewed);
    const int64_t floor = berkeley_page_int(copy, BERKELEY_PAGE_FLOOR);
    return mapped < floor ? floor : mapped;
}

/* One attempt at a consistent copy and the clock that belongs to it; 0 where the writer was at work. */
static inline int berkeley_page_try_snapshot(const struct berkeley_page* page, struct berkeley_page* copy,
                                             int64_t* true_now) {
    const uint64_t sequence = berkeley_page_load(&page->word[BERKELEY_PAGE_SEQUENCE]);
    uint64_t sequence_again;
    int64_t now;
    int i;
    /* gcc keeps a loop at -O3, of three times the instructions: where another thread shares the core that
     * shows. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 32
#endif
    for (i = BERKELEY_PAGE_GENERATION; i < BERKELEY_PAGE_READ_WORDS; ++i)
        copy->word[i] = berkeley_page_load(&page->word[i]);
    copy->word[BERKELEY_PAGE_HEADER] = berkeley_page_load(&page->word[BERKELEY_PAGE_HEADER]);
    /* Even in vain: the caller counts its patience on it. */
    now = berkeley_page_true_now();
    /* A raw clock is never negative, so the shift is 0; only the dependency matters. */
    sequence_again = berkeley_page_load(&page->word[BERKELEY_PAGE_SEQUENCE + ((uint64_t)now >> 63)]);
    copy->word[BERKELEY_PAGE_SEQUENCE] = sequence;
    *true_now = now;
    return (sequence & 1U) == 0 && sequence == sequence_again;
}

#endif
