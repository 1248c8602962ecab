/* Which boot of which machine, which time namespace, and for how long the machine has slept: what decides
 * whether a clock page can be evaluated here. Shared by the writer (C++) and the reader (C); libc only.
 * Stateless; thread-safe.
 *
 * What cannot be found out is 0, and then nobody checks it: a chroot without /proc, a kernel before 5.6, or
 * a unit that may not see /proc/sys (BERKELEY_BOOT_ID tells it, systemd's %b).
 */
#ifndef BERKELEY_PAGE_MACHINE_IDENTITY_H
#define BERKELEY_PAGE_MACHINE_IDENTITY_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BERKELEY_BOOT_ID_MAX 64

/* 128 random bits as 32 hexadecimal digits, with or without hyphens, folded into 64; 0 where it is not so. */
static inline uint64_t berkeley_fold_boot_id(const char* text, long size) {
    uint64_t folded = 0;
    int digits = 0;
    long i;
    for (i = 0; i < size && text[i] != '\0' && text[i] != '\n'; ++i) {
        const char c = text[i];
        uint64_t digit;
        if (c == '-') continue;
        if (c >= '0' && c <= '9')
            digit = (uint64_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint64_t)((c | 32) - 'a' + 10);
        else
            return 0;
        folded ^= digit << (60 - 4 * (digits % 16));
        ++digits;
    }
    return digits == 32 ? folded : 0;
}

static inline uint64_t berkeley_boot_id(void) {
    char text[BERKELEY_BOOT_ID_MAX];
    const char* told;
    const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t size = read(fd, text, sizeof text);
        close(fd);
        if (size > 0) return berkeley_fold_boot_id(text, (long)size);
    }
    told = getenv("BERKELEY_BOOT_ID");
    return told == NULL ? 0 : berkeley_fold_boot_id(told, BERKELEY_BOOT_ID_MAX);
}

/* Clocks of two time namespaces differ by a constant that nobody else can see. */
static inline uint64_t berkeley_time_namespace(void) {
    struct stat status;
    return stat("/proc/self/ns/time", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

/* Limits of CLOCK_BOOTTIME - CLOCK_MONOTONIC, which is constant between two suspends. The distance from the
 * raw clock would not do: the kernel slews CLOCK_BOOTTIME, by 43 s a day at most. */
struct berkeley_asleep {
    int64_t at_least_ns;
    int64_t at_most_ns;
};

static inline int64_t berkeley_clock_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline struct berkeley_asleep berkeley_read_asleep(void) {
    struct berkeley_asleep asleep;
    const int64_t before = berkeley_clock_ns(CLOCK_MONOTONIC);
    const int64_t boot = berkeley_clock_ns(CLOCK_BOOTTIME);
    const int64_t after = berkeley_clock_ns(CLOCK_MONOTONIC);
    asleep.at_least_ns = boot - after;
    asleep.at_most_ns = boot - before;
    return asleep;
}

#endif
