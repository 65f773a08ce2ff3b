#define _GNU_SOURCE
#include "FluxonFaultClock.h"

#include <CFluxonFaults.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

static const int64_t second = 1000000000;
static const cfluxon_clock_page *page;
// The clock of each timer, as it was made; others are not bent.
static unsigned char timer_clocks[4096];

__attribute__((constructor)) static void map(void) {
    const char *path = getenv("FLUXON_FAULT_CLOCK");
    if (path) page = cfluxon_clock_map(path, 0);
}

static int64_t nanoseconds(struct timespec time) { return (int64_t)time.tv_sec * second + time.tv_nsec; }

static struct timespec split(int64_t nanoseconds) {
    return (struct timespec){.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

static int64_t kernels(clockid_t clock) {
    struct timespec now = {0};
    syscall(SYS_clock_gettime, clock, &now);
    return nanoseconds(now);
}

static cfluxon_clock_stretch current(int64_t monotonic) {
    return page ? cfluxon_clock_at(page, (uint64_t)monotonic) : (cfluxon_clock_stretch){0};
}

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI; }

EXPORTED int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (result != 0 || (clock != CLOCK_BOOTTIME && !is_wall(clock))) return result;
    int64_t monotonic = kernels(CLOCK_MONOTONIC);
    cfluxon_clock_stretch stretch = current(monotonic);
    if (is_wall(clock)) {
        *time = split(nanoseconds(*time) + stretch.wall);
    } else if (stretch.rate != 0) {
        *time = split((int64_t)cfluxon_clock_boot(stretch, (uint64_t)monotonic));
    }
    return 0;
}

EXPORTED int gettimeofday(struct timeval *time, void *zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

EXPORTED time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

EXPORTED int timerfd_create(int clock, int flags) {
    int timer = (int)syscall(SYS_timerfd_create, clock, flags);
    if (timer >= 0 && timer < (int)sizeof timer_clocks) timer_clocks[timer] = (unsigned char)clock;
    return timer;
}

// The kernel's time for a time of the bent clock. Zero stays zero: it disarms.
static struct timespec unbent(int clock, struct timespec time, int is_absolute) {
    int64_t wanted = nanoseconds(time);
    int64_t monotonic = kernels(CLOCK_MONOTONIC);
    cfluxon_clock_stretch stretch = current(monotonic);
    if (wanted == 0) return time;
    if (is_wall(clock)) return is_absolute ? split(wanted - stretch.wall > 0 ? wanted - stretch.wall : 1) : time;
    if (stretch.rate == 0) return time;
    if (!is_absolute) return split((int64_t)((__int128)wanted * 1000000 / stretch.rate));
    int64_t ahead = (int64_t)cfluxon_clock_monotonic(stretch, (uint64_t)wanted) - monotonic;
    return split(kernels(CLOCK_BOOTTIME) + (ahead > 0 ? ahead : 0));
}

EXPORTED int timerfd_settime(int timer, int flags, const struct itimerspec *value, struct itimerspec *old) {
    int clock = timer >= 0 && timer < (int)sizeof timer_clocks ? timer_clocks[timer] : CLOCK_MONOTONIC;
    if (!page || (clock != CLOCK_BOOTTIME && !is_wall(clock))) return (int)syscall(SYS_timerfd_settime, timer, flags, value, old);
    struct itimerspec bent = {
        .it_value = unbent(clock, value->it_value, flags & TFD_TIMER_ABSTIME),
        .it_interval = unbent(clock, value->it_interval, 0),
    };
    return (int)syscall(SYS_timerfd_settime, timer, flags, &bent, old);
}
