/* The library `berkeley-clock`: reads a clock page (see clock_page_layout.h for why it is monotonic).
 * Depends on libc alone. Failure mode: a writer that died between odd and even leaves nothing that could be
 * evaluated without risking to run backward later; the reader says BUSY until a node takes the page over. */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>

#include "page/clock_context.h"

/* A reading's age below this is damage or another machine's clock. */
#define AHEAD_MAX_NS INT64_C(1000000000)
/* A running node publishes every second. */
#define RUNNING_NS INT64_C(3000000000)
/* Stamps: how far CLOCK_REALTIME, and cluster time before the last correction, may have been slewed: 1000
 * ppm. */
#define SLEWED(ns) ((ns) / 1000 + 1)
#define CROSS_STAMPS 3

/* What the page's status has become by age alone. */
static inline int32_t aged_status(const struct berkeley_page* copy, int64_t age) {
    const uint64_t deadlines = copy->word[BERKELEY_PAGE_DEADLINES];
    const int32_t status = (int32_t)((copy->word[BERKELEY_PAGE_READER_STATUS] >> 16) & 0xff);
    const int64_t holdover_after = (int64_t)(deadlines & UINT32_MAX) * 1000000;
    const int64_t unsynchronized_after = (int64_t)(deadlines >> 32) * 1000000;
    if (age > unsynchronized_after || age < -AHEAD_MAX_NS || status > BERKELEY_CLOCK_DISRUPTED)
        return BERKELEY_CLOCK_UNSYNCHRONIZED;
    if (age > holdover_after && status == BERKELEY_CLOCK_SYNCHRONIZED) return BERKELEY_CLOCK_HOLDOVER;
    return status;
}

/* A part of the bound. Below 0 the page is damaged, and then its bound says nothing: it must never turn the
 * interval round, since commit-wait would return too early. */
static inline int64_t length(int64_t part) { return part < 0 ? INT64_MAX : part; }

/* floor(age * rho / 2^32) + 1, in two products of 64 bits, which are sooner there than one of 128. */
static inline int64_t grown(const struct berkeley_page* copy, int64_t age) {
    const uint64_t rho = copy->word[BERKELEY_PAGE_RHO_DISRUPTION] & UINT32_MAX;
    const uint64_t ns = age < 0 ? 0 : (uint64_t)age;
    return (int64_t)((ns >> 32) * rho + ((ns & UINT32_MAX) * rho >> 32) + 1);
}

static inline void fill(const struct berkeley_snapshot* snapshot, int64_t now, int64_t bound,
                        berkeley_clock_interval* interval) {
    const struct berkeley_page* copy = &snapshot->copy;
    const int64_t age =
        berkeley_page_sub_saturated(snapshot->t, berkeley_page_int(copy, BERKELEY_PAGE_BOUND_AT));
    interval->now_ns = now;
    interval->earliest_ns = berkeley_page_sub_saturated(now, bound);
    interval->latest_ns = berkeley_page_add_saturated(now, bound);
    interval->term = copy->word[BERKELEY_PAGE_TERM];
    interval->disruption = (uint32_t)(copy->word[BERKELEY_PAGE_RHO_DISRUPTION] >> 32);
    interval->status = aged_status(copy, age);
    if (snapshot->slept && interval->status != BERKELEY_CLOCK_UNSYNCHRONIZED)
        interval->status = BERKELEY_CLOCK_DISRUPTED;
}

static inline void evaluate(const struct berkeley_snapshot* snapshot, berkeley_clock_interval* interval) {
    const struct berkeley_page* copy = &snapshot->copy;
    int64_t unslewed;
    const int64_t mapped = berkeley_page_map(copy, snapshot->t, &unslewed);
    const int64_t floor = berkeley_page_int(copy, BERKELEY_PAGE_FLOOR);
    const int64_t age =
        berkeley_page_sub_saturated(snapshot->t, berkeley_page_int(copy, BERKELEY_PAGE_BOUND_AT));
    int64_t now = mapped;
    int64_t bound = berkeley_page_add_saturated(grown(copy, age), length(unslewed));
    if (mapped < floor) {
        now = floor;
        bound = berkeley_page_add_saturated(bound, berkeley_page_sub_saturated(floor, mapped));
    }
    bound = berkeley_page_add_saturated(bound, length(berkeley_page_int(copy, BERKELEY_PAGE_BOUND)));
    fill(snapshot, now, bound, interval);
}

int berkeley_clock_fail(berkeley_clock_interval* interval, int error) {
    interval->earliest_ns = INT64_MIN;
    interval->latest_ns = INT64_MAX;
    interval->now_ns = 0;
    interval->term = 0;
    interval->disruption = 0;
    interval->status = BERKELEY_CLOCK_UNSYNCHRONIZED;
    return error;
}

/* The common case of berkeley_clock_take(): the words that an interval needs, and nothing out of the
 * ordinary. All doubts are put into one word, so that there is one branch. 0: take the long way. */
static inline int take_fast(const berkeley_clock* clock, struct berkeley_snapshot* snapshot) {
    const struct berkeley_page* page = clock->page;
    struct berkeley_page* copy = &snapshot->copy;
    const uint64_t sequence = berkeley_page_load(&page->word[BERKELEY_PAGE_SEQUENCE]);
    uint64_t doubt;
    int64_t ago;
    int i;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 16
#endif
    for (i = BERKELEY_PAGE_ANCHOR_TRUE; i <= BERKELEY_PAGE_BOUND_AT; ++i)
        copy->word[i] = berkeley_page_load(&page->word[i]);
    copy->word[BERKELEY_PAGE_RHO_DISRUPTION] = berkeley_page_load(&page->word[BERKELEY_PAGE_RHO_DISRUPTION]);
    copy->word[BERKELEY_PAGE_TERM] = berkeley_page_load(&page->word[BERKELEY_PAGE_TERM]);
    copy->word[BERKELEY_PAGE_READER_STATUS] = berkeley_page_load(&page->word[BERKELEY_PAGE_READER_STATUS]);
    copy->word[BERKELEY_PAGE_PUBLISHED_AT] = berkeley_page_load(&page->word[BERKELEY_PAGE_PUBLISHED_AT]);
    copy->word[BERKELEY_PAGE_DEADLINES] = berkeley_page_load(&page->word[BERKELEY_PAGE_DEADLINES]);
    doubt = berkeley_clock_identity(berkeley_page_load(&page->word[BERKELEY_PAGE_HEADER]),
                                    berkeley_page_load(&page->word[BERKELEY_PAGE_BOOT]),
                                    berkeley_page_load(&page->word[BERKELEY_PAGE_TIME_NAMESPACE])) ^
            __atomic_load_n(&clock->identity, __ATOMIC_RELAXED);
    snapshot->t = berkeley_page_true_now();
    snapshot->slept = 0;
    /* As in berkeley_page_try_snapshot(): this load must not come before the clock. */
    doubt |=
        berkeley_page_load(&page->word[BERKELEY_PAGE_SEQUENCE + ((uint64_t)snapshot->t >> 63)]) ^ sequence;
    doubt |= sequence & 1;
    ago = berkeley_page_sub(snapshot->t, berkeley_page_int(copy, BERKELEY_PAGE_PUBLISHED_AT));
    return (doubt == 0) & ((uint64_t)ago <= (uint64_t)BERKELEY_PAGE_STALE_NS);
}

static __attribute__((noinline)) int now_slowly(const berkeley_clock* clock,
                                                berkeley_clock_interval* interval) {
    struct berkeley_snapshot snapshot;
    const int error = berkeley_clock_take(clock, &snapshot);
    if (error != BERKELEY_CLOCK_OK) return berkeley_clock_fail(interval, error);
    evaluate(&snapshot, interval);
    return BERKELEY_CLOCK_OK;
}

int berkeley_clock_now(const berkeley_clock* clock, berkeley_clock_interval* interval) {
    struct berkeley_snapshot snapshot; /* of which nobody else has the address: it stays in registers */
    if (__builtin_expect(interval == NULL, 0)) return BERKELEY_CLOCK_ERR_ARGUMENT;
    if (__builtin_expect(clock == NULL, 0)) return berkeley_clock_fail(interval, BERKELEY_CLOCK_ERR_ARGUMENT);
    if (__builtin_expect(!take_fast(clock, &snapshot), 0)) return now_slowly(clock, interval);
    evaluate(&snapshot, interval);
    return BERKELEY_CLOCK_OK;
}

/* Cluster seconds gained per 1e9 s, rounded. */
static int64_t rate_ppb(const struct berkeley_page* copy) {
    const int64_t halves = berkeley_page_scale(berkeley_page_int(copy, BERKELEY_PAGE_RATE), 1000000000,
                                               BERKELEY_PAGE_RATE_BITS - 1);
    return (halves + 1) >> 1;
}

static int fill_reading(const berkeley_clock* clock, berkeley_clock_reading* reading) {
    struct berkeley_snapshot snapshot;
    const struct berkeley_page* copy = &snapshot.copy;
    int64_t suspect_since;
    const int error = clock == NULL ? BERKELEY_CLOCK_ERR_ARGUMENT : berkeley_clock_take(clock, &snapshot);
    reading->suspect_for_ns = -1;
    if (error != BERKELEY_CLOCK_OK) return berkeley_clock_fail(&reading->interval, error);
    evaluate(&snapshot, &reading->interval);
    reading->raw_ns = snapshot.t;
    reading->age_ns =
        berkeley_page_sub_saturated(snapshot.t, berkeley_page_int(copy, BERKELEY_PAGE_BOUND_AT));
    reading->published_ago_ns =
        berkeley_page_sub_saturated(snapshot.t, berkeley_page_int(copy, BERKELEY_PAGE_PUBLISHED_AT));
    suspect_since = berkeley_page_int(copy, BERKELEY_PAGE_SUSPECT_SINCE);
    if (suspect_since > 0) {
        const int64_t ago = berkeley_page_sub_saturated(snapshot.t, suspect_since);
        reading->suspect_for_ns = ago < 0 ? 0 : ago;
    }
    berkeley_page_map(copy, snapshot.t, &reading->unslewed_ns);
    reading->rate_ppb = rate_ppb(copy);
    reading->generation = copy->word[BERKELEY_PAGE_GENERATION];
    reading->round = copy->word[BERKELEY_PAGE_ROUND_STATUS] >> 8;
    reading->running = reading->published_ago_ns >= 0 && reading->published_ago_ns <= RUNNING_NS;
    return BERKELEY_CLOCK_OK;
}

int berkeley_clock_read(const berkeley_clock* clock, berkeley_clock_reading* reading, size_t size) {
    berkeley_clock_reading full;
    int error;
    if (reading == NULL || size < sizeof full.interval) return BERKELEY_CLOCK_ERR_ARGUMENT;
    memset(&full, 0, sizeof full);
    error = fill_reading(clock, &full);
    memset(reading, 0, size);
    memcpy(reading, &full, size < sizeof full ? size : sizeof full);
    return error;
}

static int64_t read_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The raw time of a stamp of CLOCK_REALTIME; *doubt_ns is how far off it may be. */
static int64_t raw_of_realtime(int64_t stamp, int64_t t, int64_t* doubt_ns) {
    int64_t narrowest = INT64_MAX;
    int64_t ahead = 0;
    int64_t raw;
    int64_t elapsed;
    int i;
    for (i = 0; i < CROSS_STAMPS; ++i) {
        const int64_t before = berkeley_page_true_now();
        const int64_t real = read_ns(CLOCK_REALTIME);
        const int64_t width = berkeley_page_sub_saturated(berkeley_page_true_now(), before);
        if (width >= narrowest) continue;
        narrowest = width;
        ahead = berkeley_page_sub_saturated(real, before + width / 2);
    }
    raw = berkeley_page_sub_saturated(stamp, ahead);
    elapsed = berkeley_page_sub_saturated(t, raw);
    *doubt_ns = berkeley_page_add_saturated(narrowest / 2 + 1, elapsed < 0 ? 0 : SLEWED(elapsed));
    return raw;
}

/* Cluster time at `raw`, before or after the page's anchor. */
static void evaluate_at(const struct berkeley_snapshot* snapshot, int64_t raw, int64_t doubt,
                        berkeley_clock_interval* interval) {
    const struct berkeley_page* copy = &snapshot->copy;
    const int64_t anchor = berkeley_page_int(copy, BERKELEY_PAGE_ANCHOR_TRUE);
    int64_t distance = berkeley_page_sub_saturated(raw, berkeley_page_int(copy, BERKELEY_PAGE_BOUND_AT));
    int64_t bound = doubt;
    int64_t unslewed = 0;
    int64_t now;
    if (raw >= anchor) {
        now = berkeley_page_map(copy, raw, &unslewed);
    } else {
        /* Along the line on which the clock is when all is slewed: what was measured is that line. */
        const int64_t dt = berkeley_page_sub_saturated(raw, anchor);
        now = berkeley_page_add(berkeley_page_int(copy, BERKELEY_PAGE_ANCHOR_CLUSTER), dt);
        now = berkeley_page_add(now, berkeley_page_int(copy, BERKELEY_PAGE_SLEW));
        now = berkeley_page_add(now, berkeley_page_scale(dt, berkeley_page_int(copy, BERKELEY_PAGE_RATE),
                                                         BERKELEY_PAGE_RATE_BITS));
        bound = berkeley_page_add_saturated(bound, SLEWED(berkeley_page_sub_saturated(anchor, raw)));
    }
    if (distance < 0) distance = berkeley_page_sub_saturated(0, distance);
    bound = berkeley_page_add_saturated(bound, grown(copy, distance));
    bound = berkeley_page_add_saturated(bound, length(unslewed));
    bound = berkeley_page_add_saturated(bound, length(berkeley_page_int(copy, BERKELEY_PAGE_BOUND)));
    fill(snapshot, now, bound, interval);
}

int berkeley_clock_at(const berkeley_clock* clock, int clock_id, int64_t stamp_ns,
                      berkeley_clock_interval* interval) {
    struct berkeley_snapshot snapshot;
    int64_t doubt = 0;
    int64_t raw = stamp_ns;
    int error;
    if (interval == NULL) return BERKELEY_CLOCK_ERR_ARGUMENT;
    if (clock == NULL || (clock_id != CLOCK_MONOTONIC_RAW && clock_id != CLOCK_REALTIME))
        return berkeley_clock_fail(interval, BERKELEY_CLOCK_ERR_ARGUMENT);
    error = berkeley_clock_take(clock, &snapshot);
    if (error != BERKELEY_CLOCK_OK) return berkeley_clock_fail(interval, error);
    if (clock_id == CLOCK_REALTIME) raw = raw_of_realtime(stamp_ns, snapshot.t, &doubt);
    if (raw > berkeley_page_add_saturated(snapshot.t, doubt) ||
        raw < berkeley_page_int(&snapshot.copy, BERKELEY_PAGE_HISTORY_SINCE) || snapshot.slept)
        return berkeley_clock_fail(interval, BERKELEY_CLOCK_ERR_STAMP);
    evaluate_at(&snapshot, raw, doubt, interval);
    return BERKELEY_CLOCK_OK;
}

int berkeley_clock_before(const berkeley_clock_interval* a, const berkeley_clock_interval* b) {
    const int holdover = a->status == BERKELEY_CLOCK_HOLDOVER || b->status == BERKELEY_CLOCK_HOLDOVER;
    return a->latest_ns < b->earliest_ns && (a->term == b->term || !holdover);
}

int berkeley_clock_after(const berkeley_clock_interval* a, const berkeley_clock_interval* b) {
    return berkeley_clock_before(b, a);
}
