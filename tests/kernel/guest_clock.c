/* guest_clock stamps COUNT | wait FILE | read | step SECONDS | frequency PPM: a guest's kernel clock, for
 * scripts/kernel-test. `stamps` prints pairs of the processor's time stamp counter, which guests and host
 * have in common, and CLOCK_REALTIME in nanoseconds: of each 20 readings the one with the narrowest bracket.
 * `wait` ends when the file is there, without a process at each look, which costs a guest milliseconds.
 * `read` prints one line of JSON. Statically linked. Only `stamps` and `read` are for a host too: the others
 * set the clock. */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static int64_t realtime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int stamps(long count) {
    for (long i = 0; i < count; ++i) {
        uint64_t best = UINT64_MAX;
        uint64_t counter = 0;
        int64_t realtime = 0;
        for (int reading = 0; reading < 20; ++reading) {
            const uint64_t before = __rdtsc();
            const int64_t now = realtime_ns();
            const uint64_t width = __rdtsc() - before;
            if (width >= best) continue;
            best = width;
            counter = before + width / 2;
            realtime = now;
        }
        printf("%llu %lld %llu\n", (unsigned long long)counter, (long long)realtime,
               (unsigned long long)best);
        usleep(50000);
    }
    return 0;
}

int main(int count, char** given) {
    struct timex request;
    memset(&request, 0, sizeof request);
    if (count == 3 && strcmp(given[1], "stamps") == 0) return stamps(atol(given[2]));
    if (count == 3 && strcmp(given[1], "wait") == 0) {
        while (access(given[2], F_OK) != 0) usleep(200000);
        return 0;
    }
    if (count == 3 && strcmp(given[1], "step") == 0) {
        const double by = atof(given[2]);
        request.modes = ADJ_SETOFFSET | ADJ_NANO;
        request.time.tv_sec = (time_t)floor(by);
        request.time.tv_usec = (suseconds_t)((by - floor(by)) * 1e9);
    } else if (count == 3 && strcmp(given[1], "frequency") == 0) {
        request.modes = ADJ_FREQUENCY;
        request.freq = (long)(atof(given[2]) * 65536);
    } else if (count != 2 || strcmp(given[1], "read") != 0) {
        return 2;
    }
    const int state = clock_adjtime(CLOCK_REALTIME, &request);
    printf(
        "{\"state\": %d, \"frequency_ppm\": %.4f, \"tick\": %ld, \"unsync\": %s, \"maxerror_us\": %ld, "
        "\"esterror_us\": %ld}\n",
        state, (double)request.freq / 65536, request.tick,
        (request.status & STA_UNSYNC) != 0 ? "true" : "false", request.maxerror, request.esterror);
    return state < 0;
}
