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
    BERKELEY_PAGE_DEADLINES, /* low 32 bits: HOLDOVER this many ms after BOUND_AT; high: UNSYNCHRONIZED */
    BERKELEY_PAGE_RHO_DISRUPTION, /* low: growth of the bound, 2^-32, rounded up; high: disruption count */
    BERKELEY_PAGE_TERM,
    BERKELEY_PAGE_ROUND_STATUS, /* status in the low 8 bits */
    BERKELEY_PAGE_WORDS
};

#define BERKELEY_PAGE_BYTES (BERKELEY_PAGE_WORDS * 8)
#define BERKELEY_PAGE_VERSION 1
#define BERKELEY_PAGE_MAGIC UINT64_C(0x424b4c59) /* "BKLY" */
#define BERKELEY_PAGE_HEADER_VALUE \
    ((BERKELEY_PAGE_MAGIC << 32) | ((uint64_t)BERKELEY_PAGE_VERSION << 16) | (uint64_t)BERKELEY_PAGE_BYTES)
#define BERKELEY_PAGE_RATE_BITS 62

/* A reader gives up on a writer that is stuck after this long... */
#define BERKELEY_PAGE_PATIENCE_NS INT64_C(1000000)
/* ...and lets other threads run after every so many attempts: the writer may need this very CPU. */
#define BERKELEY_PAGE_SPINS 64

__extension__ typedef __int128 berkeley_int128;

struct berkeley_page {
    uint64_t word[BERKELEY_PAGE_WORDS];
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
        const berkeley_int128 left = (berkeley_int128)berkeley_page_sub_saturated(slew_for, dt) * slew_rate;
        rate = slew < 0 ? berkeley_page_sub(rate, slew_rate) : berkeley_page_add(rate, slew_rate);
        *unslewed_ns = berkeley_page_add((int64_t)(left >> BERKELEY_PAGE_RATE_BITS), 1);
    } else {
        base = berkeley_page_add(base, slew);
    }
    return berkeley_page_add(base, (int64_t)(((berkeley_int128)dt * rate) >> BERKELEY_PAGE_RATE_BITS));
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
#pragma GCC unroll 16
#endif
    for (i = BERKELEY_PAGE_GENERATION; i < BERKELEY_PAGE_WORDS; ++i)
        copy->word[i] = berkeley_page_load(&page->word[i]);
    /* Even in vain: the caller counts its patience on it. */
    now = berkeley_page_true_now();
    /* A raw clock is never negative, so the shift is 0; only the dependency matters. */
    sequence_again = berkeley_page_load(&page->word[BERKELEY_PAGE_SEQUENCE + ((uint64_t)now >> 63)]);
    copy->word[BERKELEY_PAGE_SEQUENCE] = sequence;
    *true_now = now;
    return (sequence & 1U) == 0 && sequence == sequence_again;
}

#endif
