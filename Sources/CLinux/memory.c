#define _GNU_SOURCE
#include "CLinuxMemory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

int cfluxon_seal_size(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 ? 0 : -errno;
}

int cfluxon_reserve_addresses(size_t byte_count, void **base) {
    void *address = mmap(NULL, byte_count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        return -errno;
    }
    *base = address;
    return 0;
}

int cfluxon_map_at(int fd, uint64_t offset, size_t byte_count, void *address) {
    void *mapped = mmap(address, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
    return mapped == MAP_FAILED ? -errno : 0;
}

int cfluxon_unmap_at(void *address, size_t byte_count) {
    void *mapped = mmap(address, byte_count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    return mapped == MAP_FAILED ? -errno : 0;
}
