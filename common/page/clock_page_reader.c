/* The library `berkeley-clock`: reads a clock page (see clock_page_layout.h for why it is monotonic).
 * Depends on libc alone. A context is never written to after it has been opened, which makes it
 * thread-safe to read. Failure mode: a writer that died between odd and even leaves nothing that could be
 * evaluated without risking to run backward later; the reader says BUSY until a node takes the page over. */
#define _GNU_SOURCE
#include "berkeley/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "page/clock_page_layout.h"

/* One sleep of commit-wait at most: a step of the clock is noticed within this. */
#define SLEEP_MAX_NS INT64_C(100000000)
/* Commit-wait outlasts a writer that was merely preempted: this many attempts, 1 ms apart. */
#define BUSY_MAX 1000
#define OTHER_BOOT_NS INT64_C(1000000000)

struct berkeley_clock {
    const struct berkeley_page* page;
};

static int open_error(void) {
    switch (errno) {
        case ENOENT:
        case ENOTDIR:
            return BERKELEY_CLOCK_ERR_NOT_FOUND;
        case EACCES:
        case EPERM:
            return BERKELEY_CLOCK_ERR_PERMISSION;
        case ELOOP:
            return BERKELEY_CLOCK_ERR_FORMAT;
        default:
            return BERKELEY_CLOCK_ERR_SYSTEM;
    }
}

static int check_header(const struct berkeley_page* page) {
    const uint64_t header = berkeley_page_load(&page->word[BERKELEY_PAGE_HEADER]);
    if (header >> 32 != BERKELEY_PAGE_MAGIC) return BERKELEY_CLOCK_ERR_FORMAT;
    if (header != BERKELEY_PAGE_HEADER_VALUE) return BERKELEY_CLOCK_ERR_VERSION;
    return BERKELEY_CLOCK_OK;
}

static int map_page(int fd, const struct berkeley_page** page) {
    struct stat status;
    void* memory;
    int error;
    if (fstat(fd, &status) != 0) return BERKELEY_CLOCK_ERR_SYSTEM;
    if (!S_ISREG(status.st_mode) || status.st_size < BERKELEY_PAGE_BYTES) return BERKELEY_CLOCK_ERR_FORMAT;
    memory = mmap(NULL, BERKELEY_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return BERKELEY_CLOCK_ERR_SYSTEM;
    error = check_header((const struct berkeley_page*)memory);
    if (error != BERKELEY_CLOCK_OK) {
        munmap(memory, BERKELEY_PAGE_BYTES);
        return error;
    }
    *page = (const struct berkeley_page*)memory;
    return BERKELEY_CLOCK_OK;
}

int berkeley_clock_open(const char* path, berkeley_clock** clock) {
    const struct berkeley_page* page = NULL;
    int fd;
    int error;
    if (clock == NULL) return BERKELEY_CLOCK_ERR_ARGUMENT;
    *clock = NULL;
    if (path == NULL) return BERKELEY_CLOCK_ERR_ARGUMENT;
    /* O_NONBLOCK: opening a FIFO by mistake must not hang. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return open_error();
    error = map_page(fd, &page);
    close(fd);
    if (error != BERKELEY_CLOCK_OK) return error;
    *clock = (berkeley_clock*)malloc(sizeof **clock);
    if (*clock == NULL) {
        munmap((void*)(uintptr_t)page, BERKELEY_PAGE_BYTES);
        return BERKELEY_CLOCK_ERR_SYSTEM;
    }
    (*clock)->page = page;
    return BERKELEY_CLOCK_OK;
}

void berkeley_clock_close(berkeley_clock* clock) {
    if (clock == NULL) return;
    munmap((void*)(uintptr_t)clock->page, BERKELEY_PAGE_BYTES);
    free(clock);
}

/* What the page's status has become by age alone. An age well below zero is a page of another boot. */
static int32_t aged_status(const struct berkeley_page* copy, int64_t age) {
    const uint64_t deadlines = copy->word[BERKELEY_PAGE_DEADLINES];
    const int32_t status = (int32_t)(copy->word[BERKELEY_PAGE_ROUND_STATUS] & 0xff);
    const int64_t holdover_after = (int64_t)(deadlines & UINT32_MAX) * 1000000;
    const int64_t unsynchronized_after = (int64_t)(deadlines >> 32) * 1000000;
    if (age > unsynchronized_after || age < -OTHER_BOOT_NS || status > BERKELEY_CLOCK_DISRUPTED)
        return BERKELEY_CLOCK_UNSYNCHRONIZED;
    if (age > holdover_after && status == BERKELEY_CLOCK_SYNCHRONIZED) return BERKELEY_CLOCK_HOLDOVER;
    return status;
}

/* A part of the bound. Below 0 the page is damaged, and then its bound says nothing: it must never turn the
 * interval round, since commit-wait would return too early. */
static int64_t length(int64_t part) { return part < 0 ? INT64_MAX : part; }

static void evaluate(const struct berkeley_page* copy, int64_t t, berkeley_clock_interval* interval) {
    int64_t unslewed;
    const int64_t mapped = berkeley_page_map(copy, t, &unslewed);
    const int64_t floor = berkeley_page_int(copy, BERKELEY_PAGE_FLOOR);
    const uint64_t rho_disruption = copy->word[BERKELEY_PAGE_RHO_DISRUPTION];
    const int64_t age = berkeley_page_sub_saturated(t, berkeley_page_int(copy, BERKELEY_PAGE_BOUND_AT));
    const berkeley_int128 grown =
        (berkeley_int128)(age < 0 ? 0 : age) * (int64_t)(rho_disruption & UINT32_MAX);
    int64_t now = mapped;
    int64_t bound = (int64_t)(grown >> 32) + 1;
    bound = berkeley_page_add_saturated(bound, length(unslewed));
    if (mapped < floor) {
        now = floor;
        bound = berkeley_page_add_saturated(bound, berkeley_page_sub_saturated(floor, mapped));
    }
    bound = berkeley_page_add_saturated(bound, length(berkeley_page_int(copy, BERKELEY_PAGE_BOUND)));
    interval->now_ns = now;
    interval->earliest_ns = berkeley_page_sub_saturated(now, bound);
    interval->latest_ns = berkeley_page_add_saturated(now, bound);
    interval->term = copy->word[BERKELEY_PAGE_TERM];
    interval->disruption = (uint32_t)(rho_disruption >> 32);
    interval->status = aged_status(copy, age);
}

static int fail(berkeley_clock_interval* interval, int error) {
    interval->earliest_ns = INT64_MIN;
    interval->latest_ns = INT64_MAX;
    interval->now_ns = 0;
    interval->term = 0;
    interval->disruption = 0;
    interval->status = BERKELEY_CLOCK_UNSYNCHRONIZED;
    return error;
}

/* The rare path, kept out of the caller's: the writer was at work. */
static __attribute__((noinline)) int retry(const struct berkeley_page* page, struct berkeley_page* copy,
                                           int64_t* t) {
    const int64_t deadline = *t + BERKELEY_PAGE_PATIENCE_NS;
    unsigned attempt = 0;
    do {
        if (++attempt % BERKELEY_PAGE_SPINS == 0) sched_yield();
        if (berkeley_page_try_snapshot(page, copy, t)) return 1;
    } while (*t < deadline);
    return 0;
}

int berkeley_clock_now(const berkeley_clock* clock, berkeley_clock_interval* interval) {
    struct berkeley_page copy;
    int64_t t;
    if (interval == NULL) return BERKELEY_CLOCK_ERR_ARGUMENT;
    if (clock == NULL) return fail(interval, BERKELEY_CLOCK_ERR_ARGUMENT);
    if (__builtin_expect(!berkeley_page_try_snapshot(clock->page, &copy, &t), 0) &&
        !retry(clock->page, &copy, &t))
        return fail(interval, BERKELEY_CLOCK_ERR_BUSY);
    if (copy.word[BERKELEY_PAGE_SEQUENCE] == 0) return fail(interval, BERKELEY_CLOCK_ERR_EMPTY);
    evaluate(&copy, t, interval);
    return BERKELEY_CLOCK_OK;
}

int berkeley_clock_before(const berkeley_clock_interval* a, const berkeley_clock_interval* b) {
    return a->latest_ns < b->earliest_ns;
}

int berkeley_clock_after(const berkeley_clock_interval* a, const berkeley_clock_interval* b) {
    return berkeley_clock_before(b, a);
}

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

int berkeley_clock_wait_until_past(const berkeley_clock* clock, int64_t ns) {
    berkeley_clock_interval interval;
    uint32_t disruption;
    int error = now_patiently(clock, &interval);
    if (error != BERKELEY_CLOCK_OK) return error;
    disruption = interval.disruption;
    for (;;) {
        if (interval.disruption != disruption || interval.status == BERKELEY_CLOCK_DISRUPTED)
            return BERKELEY_CLOCK_ERR_DISRUPTED;
        if (interval.status == BERKELEY_CLOCK_UNSYNCHRONIZED) return BERKELEY_CLOCK_ERR_UNSYNCHRONIZED;
        if (interval.earliest_ns > ns) return BERKELEY_CLOCK_OK;
        sleep_ns(berkeley_page_add_saturated(berkeley_page_sub_saturated(ns, interval.earliest_ns), 1));
        error = now_patiently(clock, &interval);
        if (error != BERKELEY_CLOCK_OK) return error;
    }
}

const char* berkeley_clock_strerror(int error) {
    switch (error) {
        case BERKELEY_CLOCK_OK:
            return "no error";
        case BERKELEY_CLOCK_ERR_ARGUMENT:
            return "a null pointer was passed";
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
            return "the clock was stepped";
        case BERKELEY_CLOCK_ERR_SYSTEM:
            return "the operating system refused; see errno";
        default:
            return "unknown error";
    }
}
