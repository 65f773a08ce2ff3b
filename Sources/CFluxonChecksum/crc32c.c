#include "internal.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

static int has(int kind) {
    switch (kind) {
    case CFLUXON_CRC32C_TABLE:
        return 1;
#if defined(__x86_64__)
    case CFLUXON_CRC32C_SSE42:
        return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    case CFLUXON_CRC32C_AVX512:
        return has(CFLUXON_CRC32C_SSE42) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("vpclmulqdq");
#elif defined(__aarch64__) && defined(__linux__)
    case CFLUXON_CRC32C_ARMV8:
        return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
    default:
        return 0;
    }
}

static crc32c_function function_of(int kind) {
    switch (kind) {
#if defined(__x86_64__)
    case CFLUXON_CRC32C_SSE42:
        return crc32c_sse42;
    case CFLUXON_CRC32C_AVX512:
        return crc32c_avx512;
#elif defined(__aarch64__)
    case CFLUXON_CRC32C_ARMV8:
        return crc32c_armv8;
#endif
    default:
        return crc32c_table;
    }
}

static int chosen_kind = CFLUXON_CRC32C_TABLE;
static crc32c_function chosen = crc32c_table;

// Before main, on one thread: afterwards both are only read.
__attribute__((constructor)) static void choose(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    for (int kind = CFLUXON_CRC32C_ARMV8; kind > CFLUXON_CRC32C_TABLE; kind--) {
        if (has(kind)) {
            chosen_kind = kind;
            chosen = function_of(kind);
            return;
        }
    }
}

uint32_t cfluxon_crc32c(uint32_t crc, const void *bytes, size_t count) { return ~chosen(~crc, bytes, count); }

int cfluxon_crc32c_kind(void) { return chosen_kind; }

int cfluxon_crc32c_by(int kind, uint32_t crc, const void *bytes, size_t count, uint32_t *result) {
    if (!has(kind)) return -1;
    *result = ~function_of(kind)(~crc, bytes, count);
    return 0;
}
