#ifndef CFLUXON_CHECKSUM_INTERNAL_H
#define CFLUXON_CHECKSUM_INTERNAL_H

#include "CFluxonChecksum.h"

// All of these take and return the raw register: the caller inverts before and after.
typedef uint32_t (*crc32c_function)(uint32_t state, const uint8_t *bytes, size_t count);

uint32_t crc32c_table(uint32_t state, const uint8_t *bytes, size_t count);

#if defined(__x86_64__)
uint32_t crc32c_sse42(uint32_t state, const uint8_t *bytes, size_t count);
uint32_t crc32c_avx512(uint32_t state, const uint8_t *bytes, size_t count);
#elif defined(__aarch64__)
uint32_t crc32c_armv8(uint32_t state, const uint8_t *bytes, size_t count);
#endif

#endif
