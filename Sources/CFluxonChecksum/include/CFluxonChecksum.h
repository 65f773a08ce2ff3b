#ifndef CFLUXON_CHECKSUM_H
#define CFLUXON_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// CRC32C (Castagnoli, reflected, as in iSCSI and ext4): the checksum of one chunk of a bulk transfer.

// How the checksum is computed. Every machine has the table; the others need instructions that not every CPU has.
enum {
    CFLUXON_CRC32C_TABLE = 0,
    CFLUXON_CRC32C_SSE42 = 1,
    CFLUXON_CRC32C_AVX512 = 2,
    CFLUXON_CRC32C_ARMV8 = 3,
};

// CRC32C of `count` bytes that follow bytes whose checksum is `crc`; start with 0. Uses the fastest way that this CPU has.
uint32_t cfluxon_crc32c(uint32_t crc, const void *bytes, size_t count);

// The way that `cfluxon_crc32c` uses on this CPU.
int cfluxon_crc32c_kind(void);

// The same by a given way, so that tests compare them. Returns 0, or -1 when this CPU does not have it.
int cfluxon_crc32c_by(int kind, uint32_t crc, const void *bytes, size_t count, uint32_t *result);

#endif
