#define _GNU_SOURCE
#include "CLinuxMemory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

int cfluxon_seal_size(int fd) {
    return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 ? 0 : -errno;
}

// Reserves addresses that begin at a multiple of 2 MiB.
static int reserve_aligned(size_t byte_count, void **base) {
    const size_t huge = (size_t)2 << 20;
    byte_count = (byte_count + 4095) & ~(size_t)4095;
    uint8_t *reserved = mmap(NULL, byte_count + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) {
        return -errno;
    }
    uint8_t *address = (uint8_t *)(((uintptr_t)reserved + huge - 1) & ~(huge - 1));
    if (address > reserved) {
        munmap(reserved, (size_t)(address - reserved));
    }
    uint8_t *end = address + byte_count;
    munmap(end, (size_t)(reserved + byte_count + huge - end));
    *base = address;
    return 0;
}

int cfluxon_map_aligned(int fd, size_t byte_count, int writable, void **base) {
    void *address;
    int result = reserve_aligned(byte_count, &address);
    if (result != 0) {
        return result;
    }
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    if (mmap(address, byte_count, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        int error = errno;
        munmap(address, byte_count);
        return -error;
    }
    madvise(address, byte_count, MADV_HUGEPAGE);
    *base = address;
    return 0;
}

int cfluxon_collapse(void *address, size_t byte_count) {
    const int collapse = 25;  // MADV_COLLAPSE, Linux 6.1
    return madvise(address, byte_count, collapse) == 0 ? 0 : -errno;
}

int cfluxon_reserve_addresses(size_t byte_count, void **base) {
    return reserve_aligned(byte_count, base);
}

int cfluxon_map_at(int fd, uint64_t offset, size_t byte_count, void *address) {
    void *mapped = mmap(address, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset);
    if (mapped == MAP_FAILED) {
        return -errno;
    }
    madvise(address, byte_count, MADV_HUGEPAGE);
    return 0;
}

int cfluxon_unmap_at(void *address, size_t byte_count) {
    void *mapped = mmap(address, byte_count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    return mapped == MAP_FAILED ? -errno : 0;
}
