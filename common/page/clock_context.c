/* Opens clock pages, follows them from file to file, and refuses what cannot be evaluated here. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* inode numbers, for readers of 32 bits */
#include "page/clock_context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "page/machine_identity.h"

/* The path of a stale page is looked at no more often than this. */
#define LOOK_EVERY_NS INT64_C(100000000)

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

/* Whether this library may evaluate a page of that header. */
static int check_header(uint64_t header, uint64_t reader_status) {
    const unsigned version = (unsigned)(header >> 16) & 0xffff;
    if (header >> 32 != BERKELEY_PAGE_MAGIC) return BERKELEY_CLOCK_ERR_FORMAT;
    if (version < BERKELEY_PAGE_VERSION) return BERKELEY_CLOCK_ERR_VERSION;
    if (version == BERKELEY_PAGE_VERSION) return BERKELEY_CLOCK_OK;
    return (reader_status & 0xffff) <= BERKELEY_PAGE_VERSION ? BERKELEY_CLOCK_OK : BERKELEY_CLOCK_ERR_VERSION;
}

/* Whether the file holds a page that this library reads. */
static int check_file(int fd, struct stat* status) {
    uint64_t word[BERKELEY_PAGE_READER_STATUS + 1];
    ssize_t size;
    int error;
    if (fstat(fd, status) != 0) return BERKELEY_CLOCK_ERR_SYSTEM;
    if (!S_ISREG(status->st_mode)) return BERKELEY_CLOCK_ERR_FORMAT;
    memset(word, 0, sizeof word);
    size = pread(fd, word, sizeof word, 0);
    if (size < 0) return BERKELEY_CLOCK_ERR_SYSTEM;
    if ((size_t)size < sizeof word[0]) return BERKELEY_CLOCK_ERR_FORMAT;
    error = check_header(word[BERKELEY_PAGE_HEADER], word[BERKELEY_PAGE_READER_STATUS]);
    if (error != BERKELEY_CLOCK_OK) return error;
    return status->st_size < BERKELEY_PAGE_BYTES ? BERKELEY_CLOCK_ERR_TRUNCATED : BERKELEY_CLOCK_OK;
}

/* O_NONBLOCK: opening a FIFO by mistake must not hang. */
static int open_page(const char* path) { return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }

/* A context must find its page again whatever becomes of the working directory. */
static char* absolute(const char* path) {
    char* folder;
    char* joined;
    size_t size;
    if (path[0] == '/') return strdup(path);
    folder = getcwd(NULL, 0);
    if (folder == NULL) return NULL;
    size = strlen(folder) + strlen(path) + 2;
    joined = (char*)malloc(size);
    if (joined != NULL) {
        strcpy(joined, folder);
        strcat(joined, "/");
        strcat(joined, path);
    }
    free(folder);
    return joined;
}

static int open_context(const char* path, berkeley_clock* clock) {
    struct stat status;
    void* memory;
    int error;
    const int fd = open_page(path);
    if (fd < 0) return open_error();
    error = check_file(fd, &status);
    if (error == BERKELEY_CLOCK_OK) {
        memory = mmap(NULL, BERKELEY_PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) error = BERKELEY_CLOCK_ERR_SYSTEM;
    }
    close(fd);
    if (error != BERKELEY_CLOCK_OK) return error;
    clock->page = (const struct berkeley_page*)memory;
    clock->path = absolute(path);
    clock->boot = berkeley_boot_id();
    clock->time_namespace = berkeley_time_namespace();
    clock->identity = berkeley_clock_identity(BERKELEY_PAGE_HEADER_VALUE, clock->boot, clock->time_namespace);
    clock->device = (uint64_t)status.st_dev;
    clock->inode = (uint64_t)status.st_ino;
    clock->looked_at = 0;
    if (clock->path != NULL) return BERKELEY_CLOCK_OK;
    munmap(memory, BERKELEY_PAGE_BYTES);
    return BERKELEY_CLOCK_ERR_SYSTEM;
}

int berkeley_clock_open(const char* path, berkeley_clock** clock) {
    int error;
    if (clock == NULL) return BERKELEY_CLOCK_ERR_ARGUMENT;
    *clock = NULL;
    if (path == NULL) return BERKELEY_CLOCK_ERR_ARGUMENT;
    *clock = (berkeley_clock*)malloc(sizeof **clock);
    if (*clock == NULL) return BERKELEY_CLOCK_ERR_SYSTEM;
    error = open_context(path, *clock);
    if (error != BERKELEY_CLOCK_OK) {
        free(*clock);
        *clock = NULL;
    }
    return error;
}

void berkeley_clock_close(berkeley_clock* clock) {
    if (clock == NULL) return;
    munmap((void*)(uintptr_t)clock->page, BERKELEY_PAGE_BYTES);
    free(clock->path);
    free(clock);
}

/* Goes over to the file that the path names now, where that is another one with a time in it. */
static int go_over(berkeley_clock* clock, int fd) {
    struct stat status;
    uint64_t sequence = 0;
    if (check_file(fd, &status) != BERKELEY_CLOCK_OK) return 0;
    if ((uint64_t)status.st_dev == __atomic_load_n(&clock->device, __ATOMIC_RELAXED) &&
        (uint64_t)status.st_ino == __atomic_load_n(&clock->inode, __ATOMIC_RELAXED))
        return 0;
    if (pread(fd, &sequence, sizeof sequence, 8 * BERKELEY_PAGE_SEQUENCE) != (ssize_t)sizeof sequence)
        return 0;
    if (sequence == 0) return 0;
    if (mmap((void*)(uintptr_t)clock->page, BERKELEY_PAGE_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) ==
        MAP_FAILED)
        return 0;
    __atomic_store_n(&clock->device, (uint64_t)status.st_dev, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->inode, (uint64_t)status.st_ino, __ATOMIC_RELAXED);
    return 1;
}

/* Looks what became of a stale page. 1: another look at the page is worth it. */
static int look(berkeley_clock* clock, int64_t t) {
    int64_t last = __atomic_load_n(&clock->looked_at, __ATOMIC_RELAXED);
    uint64_t time_namespace;
    int went = 0;
    int fd;
    const int saved = errno; /* of the code that a signal handler interrupts */
    if (last != 0 && t >= last && t - last < LOOK_EVERY_NS) return 0;
    if (!__atomic_compare_exchange_n(&clock->looked_at, &last, t, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return 0;
    /* A process that was moved (CRIU) sees other clocks than when it opened the page. */
    time_namespace = berkeley_time_namespace();
    __atomic_store_n(&clock->time_namespace, time_namespace, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->identity,
                     berkeley_clock_identity(BERKELEY_PAGE_HEADER_VALUE, clock->boot, time_namespace),
                     __ATOMIC_RELAXED);
    fd = open_page(clock->path);
    if (fd >= 0) {
        went = go_over(clock, fd);
        close(fd);
    }
    errno = saved;
    return went;
}

static int differ(uint64_t a, uint64_t b) { return a != b && a != 0 && b != 0; }

static int check(const berkeley_clock* clock, const struct berkeley_page* copy) {
    const uint64_t header = copy->word[BERKELEY_PAGE_HEADER];
    if (__builtin_expect(header != BERKELEY_PAGE_HEADER_VALUE, 0)) {
        const int error = check_header(header, copy->word[BERKELEY_PAGE_READER_STATUS]);
        if (error != BERKELEY_CLOCK_OK) return error;
    }
    if (copy->word[BERKELEY_PAGE_SEQUENCE] == 0) return BERKELEY_CLOCK_ERR_EMPTY;
    if (differ(copy->word[BERKELEY_PAGE_BOOT], clock->boot)) return BERKELEY_CLOCK_ERR_BOOT;
    if (differ(copy->word[BERKELEY_PAGE_TIME_NAMESPACE],
               __atomic_load_n(&clock->time_namespace, __ATOMIC_RELAXED)))
        return BERKELEY_CLOCK_ERR_TIME_NAMESPACE;
    return BERKELEY_CLOCK_OK;
}

/* Below 0 the clocks are not the writer's, or the page is damaged. */
static int is_stale(const struct berkeley_snapshot* snapshot) {
    const int64_t ago =
        berkeley_page_sub(snapshot->t, berkeley_page_int(&snapshot->copy, BERKELEY_PAGE_PUBLISHED_AT));
    return (uint64_t)ago > (uint64_t)BERKELEY_PAGE_STALE_NS;
}

/* The writer may be at work. */
static int take_patiently(const berkeley_clock* clock, struct berkeley_snapshot* snapshot) {
    unsigned attempt = 0;
    int64_t deadline = 0;
    while (!berkeley_page_try_snapshot(clock->page, &snapshot->copy, &snapshot->t)) {
        if (attempt == 0) deadline = snapshot->t + BERKELEY_PAGE_PATIENCE_NS;
        if (snapshot->t >= deadline) return BERKELEY_CLOCK_ERR_BUSY;
        if (++attempt % BERKELEY_PAGE_SPINS == 0) sched_yield();
    }
    return check(clock, &snapshot->copy);
}

int berkeley_clock_take(const berkeley_clock* clock, struct berkeley_snapshot* snapshot) {
    /* A context is made by berkeley_clock_open() alone, in memory that may be written. */
    berkeley_clock* writable = (berkeley_clock*)(uintptr_t)clock;
    int error = take_patiently(clock, snapshot);
    snapshot->slept = 0;
    if ((error != BERKELEY_CLOCK_OK || is_stale(snapshot)) && look(writable, snapshot->t))
        error = take_patiently(clock, snapshot);
    if (error == BERKELEY_CLOCK_OK) error = check(clock, &snapshot->copy);
    if (error != BERKELEY_CLOCK_OK || !is_stale(snapshot)) return error;
    snapshot->slept = berkeley_page_sub_saturated(berkeley_read_asleep().at_least_ns,
                                                  berkeley_page_int(&snapshot->copy, BERKELEY_PAGE_ASLEEP)) >=
                      BERKELEY_PAGE_SLEEP_MIN_NS;
    return BERKELEY_CLOCK_OK;
}
