/* The public header is C, and the library works from C: exit code 0 where all checks pass. */
#include <berkeley/clock.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

static void check(int condition, const char* what) {
    if (condition) return;
    fprintf(stderr, "failed: %s\n", what);
    ++failures;
}

static void check_missing_page(void) {
    berkeley_clock* clock = (berkeley_clock*)&failures;
    check(berkeley_clock_open("/nonexistent/berkeley/page", &clock) == BERKELEY_CLOCK_ERR_NOT_FOUND,
          "a missing page is not found");
    check(clock == NULL, "a failed open leaves no context");
    check(berkeley_clock_open("/dev/null", &clock) == BERKELEY_CLOCK_ERR_FORMAT, "a device is no page");
    check(berkeley_clock_open(NULL, &clock) == BERKELEY_CLOCK_ERR_ARGUMENT, "a null path is refused");
    check(berkeley_clock_open("/nonexistent", NULL) == BERKELEY_CLOCK_ERR_ARGUMENT,
          "a null context is refused");
    berkeley_clock_close(NULL);
}

static void check_null_clock(void) {
    berkeley_clock_interval interval;
    memset(&interval, 0, sizeof interval);
    check(berkeley_clock_now(NULL, &interval) == BERKELEY_CLOCK_ERR_ARGUMENT, "a null clock is refused");
    check(interval.status == BERKELEY_CLOCK_UNSYNCHRONIZED, "a failed reading is unsynchronized");
    check(interval.earliest_ns == INT64_MIN && interval.latest_ns == INT64_MAX,
          "a failed reading promises nothing");
    check(berkeley_clock_wait_until_past(NULL, 0) == BERKELEY_CLOCK_ERR_ARGUMENT, "nothing to wait for");
}

static void check_order(void) {
    berkeley_clock_interval a;
    berkeley_clock_interval b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.latest_ns = 10;
    b.earliest_ns = 11;
    b.latest_ns = 12;
    check(berkeley_clock_before(&a, &b) == 1, "a is before b");
    check(berkeley_clock_after(&b, &a) == 1, "b is after a");
    check(berkeley_clock_before(&b, &a) == 0, "b is not before a");
}

static void check_words(void) {
    int error;
    for (error = BERKELEY_CLOCK_OK; error <= BERKELEY_CLOCK_ERR_SYSTEM; ++error)
        check(strcmp(berkeley_clock_strerror(error), "unknown error") != 0, "every error has words");
    check(strcmp(berkeley_clock_strerror(-1), "unknown error") == 0, "unknown errors have words, too");
}

int main(void) {
    check_missing_page();
    check_null_clock();
    check_order();
    check_words();
    return failures == 0 ? 0 : 1;
}
