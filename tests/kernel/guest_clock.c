/* guest_clock serve PORT | wait FILE | read | step SECONDS | frequency PPM: a guest's kernel clock, for scripts/kernel-test.
 * `serve` answers each datagram with itself and CLOCK_REALTIME in nanoseconds. `wait` ends when the
 * file is there, without a process at each look, which costs a guest milliseconds. `read` prints one line of JSON.
 * Statically linked. It sets the clock of the kernel that it runs on: never run it on a host. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t realtime_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int serve(const char* port) {
    const int socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (bind(socket_fd, (struct sockaddr*)&own, sizeof own) != 0) return 1;
    for (;;) {
        int64_t words[2] = {0, 0};
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        if (recvfrom(socket_fd, words, sizeof words, 0, (struct sockaddr*)&from, &length) <= 0) continue;
        words[1] = realtime_ns();
        sendto(socket_fd, words, sizeof words, 0, (struct sockaddr*)&from, length);
    }
}

int main(int count, char** given) {
    struct timex request;
    memset(&request, 0, sizeof request);
    if (count == 3 && strcmp(given[1], "serve") == 0) return serve(given[2]);
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
    printf("{\"state\": %d, \"frequency_ppm\": %.4f, \"tick\": %ld, \"unsync\": %s, \"maxerror_us\": %ld, "
           "\"esterror_us\": %ld}\n",
           state, (double)request.freq / 65536, request.tick,
           (request.status & STA_UNSYNC) != 0 ? "true" : "false", request.maxerror, request.esterror);
    return state < 0;
}
