// Faults that need C: clocks of test machines, and connections of other processes.
#pragma once
#include <stdint.h>

// A machine's clock as a test bends it: a page that the test writes and FluxonFaultClock, preloaded into the roles, reads. From
// `from` on (nanoseconds of CLOCK_MONOTONIC, which nobody bends) CLOCK_BOOTTIME shows `boot` and runs at `rate` parts per million of
// real time, or is the kernel's for the rate 0; the wall clocks are `wall` nanoseconds ahead.
typedef struct {
    uint64_t from, boot;
    int64_t rate, wall;
} cfluxon_clock_stretch;

enum { cfluxon_clock_stretches = 2000 };
// `stretches` only grow, and only those below `count` are read.
typedef struct {
    uint64_t count, reserved[3];
    cfluxon_clock_stretch stretches[cfluxon_clock_stretches];
} cfluxon_clock_page;
_Static_assert(sizeof(cfluxon_clock_stretch) == 32, "the page is shared between processes");

// The page in the file `path`, made when there is none and `writable` is not 0. NULL: errno says why.
cfluxon_clock_page *cfluxon_clock_map(const char *path, int writable);
// One writer. Returns 0, or -ENOSPC.
int cfluxon_clock_append(cfluxon_clock_page *page, cfluxon_clock_stretch stretch);
// The stretch in force at `monotonic`; all zero when there is none yet.
cfluxon_clock_stretch cfluxon_clock_at(const cfluxon_clock_page *page, uint64_t monotonic);
// What the clock of `stretch` shows at `monotonic`, which does not lie before it.
uint64_t cfluxon_clock_boot(cfluxon_clock_stretch stretch, uint64_t monotonic);
// When it shows `boot`; `from` for everything earlier.
uint64_t cfluxon_clock_monotonic(cfluxon_clock_stretch stretch, uint64_t boot);

// Shuts a connected stream socket of another process down in the directions `how` (SHUT_RD, SHUT_WR, SHUT_RDWR), as if its peer or the
// network had. Returns 1; 0 when `descriptor` of that process is no such socket; -errno when this user may not.
int cfluxon_shutdown_of(int process, int descriptor, int how);
