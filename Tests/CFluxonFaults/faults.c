#define _GNU_SOURCE
#include "CFluxonFaults.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

cfluxon_clock_page *cfluxon_clock_map(const char *path, int writable) {
    int file = open(path, (writable ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0640);
    if (file < 0) return NULL;
    void *page = MAP_FAILED;
    if (!writable || ftruncate(file, sizeof(cfluxon_clock_page)) == 0) {
        page = mmap(NULL, sizeof(cfluxon_clock_page), PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, file, 0);
    }
    close(file);
    return page == MAP_FAILED ? NULL : page;
}

int cfluxon_clock_append(cfluxon_clock_page *page, cfluxon_clock_stretch stretch) {
    uint64_t count = __atomic_load_n(&page->count, __ATOMIC_RELAXED);
    if (count >= cfluxon_clock_stretches) return -ENOSPC;
    page->stretches[count] = stretch;
    __atomic_store_n(&page->count, count + 1, __ATOMIC_RELEASE);
    return 0;
}

cfluxon_clock_stretch cfluxon_clock_at(const cfluxon_clock_page *page, uint64_t monotonic) {
    uint64_t count = __atomic_load_n(&page->count, __ATOMIC_ACQUIRE);
    if (count > cfluxon_clock_stretches) count = cfluxon_clock_stretches;
    while (count > 0 && page->stretches[count - 1].from > monotonic) count--;
    return count > 0 ? page->stretches[count - 1] : (cfluxon_clock_stretch){0};
}

static const int64_t million = 1000000;

uint64_t cfluxon_clock_boot(cfluxon_clock_stretch stretch, uint64_t monotonic) {
    return stretch.boot + (uint64_t)((__int128)(monotonic - stretch.from) * stretch.rate / million);
}

uint64_t cfluxon_clock_monotonic(cfluxon_clock_stretch stretch, uint64_t boot) {
    if (boot <= stretch.boot) return stretch.from;
    // Up: a timer that fires too early finds its deadline ahead.
    return stretch.from + (uint64_t)(((__int128)(boot - stretch.boot) * million + stretch.rate - 1) / stretch.rate);
}

int cfluxon_shutdown_of(int process, int descriptor, int how) {
    int stolen = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
    // It may have been closed since it was listed.
    if (stolen < 0) return errno == EBADF || errno == ESRCH ? 0 : -errno;
    int type = 0;
    socklen_t size = sizeof type;
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    int is_connection = getsockopt(stolen, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM
        && getpeername(stolen, (struct sockaddr *)&peer, &peer_size) == 0;
    int result = is_connection && shutdown(stolen, how) == 0 ? 1 : 0;
    close(stolen);
    return result;
}
