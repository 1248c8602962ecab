/* An application that reads the clock: what it needs is installed, in C, and links. */
#include <berkeley/clock.h>
#include <stdio.h>

int main(void) {
    berkeley_clock* clock = NULL;
    const int error = berkeley_clock_open("/nonexistent/berkeley/page", &clock);
    printf("no page: %s\n", berkeley_clock_strerror(error));
    return error == BERKELEY_CLOCK_ERR_NOT_FOUND && clock == NULL ? 0 : 1;
}
