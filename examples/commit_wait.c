/* Commit-wait in C: commit_wait COUNT PAGE... commits COUNT transactions in turn by the clocks of these
 * nodes. README.md says what is promised. */
#include <berkeley/clock.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGES_MAX 16
#define ATTEMPTS_MAX 100

/* Gives the transaction a timestamp, and returns when it may be acknowledged. */
static int commit(const berkeley_clock* clock, int64_t* stamp) {
    int attempt;
    int error = BERKELEY_CLOCK_OK;
    for (attempt = 0; attempt < ATTEMPTS_MAX; ++attempt) {
        berkeley_clock_interval now;
        error = berkeley_clock_now(clock, &now);
        if (error != BERKELEY_CLOCK_OK) return error;
        *stamp = now.latest_ns;
        /* ...here the transaction is written with its stamp, and replicated... */
        error = berkeley_clock_wait_until_past(clock, *stamp);
        /* A stamp from before a step belongs to another clock: we draw a new one. */
        if (error != BERKELEY_CLOCK_ERR_DISRUPTED) return error;
    }
    return error;
}

int main(int argc, char** argv) {
    berkeley_clock* clock[PAGES_MAX] = {NULL};
    const long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    const int pages = argc - 2;
    int64_t last = INT64_MIN;
    long i;
    if (count < 1 || pages < 1 || pages > PAGES_MAX) {
        fprintf(stderr, "usage: %s COUNT PAGE...\n", argv[0]);
        return 2;
    }
    for (i = 0; i < pages; ++i) {
        const int error = berkeley_clock_open(argv[i + 2], &clock[i]);
        if (error == BERKELEY_CLOCK_OK) continue;
        fprintf(stderr, "%s: %s\n", argv[i + 2], berkeley_clock_strerror(error));
        return 1;
    }
    for (i = 0; i < count; ++i) {
        int64_t stamp = 0;
        const int error = commit(clock[i % pages], &stamp);
        if (error != BERKELEY_CLOCK_OK) {
            fprintf(stderr, "%s: not committed: %s\n", argv[i % pages + 2], berkeley_clock_strerror(error));
            return 1;
        }
        if (stamp <= last) {
            fprintf(stderr, "transaction %ld has stamp %" PRId64 ", the one before %" PRId64 "\n", i, stamp,
                    last);
            return 1;
        }
        last = stamp;
    }
    printf("%ld transactions, each stamp greater than the one before\n", count);
    for (i = 0; i < pages; ++i) berkeley_clock_close(clock[i]);
    return 0;
}
