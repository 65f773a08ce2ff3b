#include "internal.h"

#if defined(__aarch64__)

#include <arm_acle.h>
#include <string.h>

// Three streams hide the latency of `crc32cx`. They are joined by a plain multiplication, rarely enough not to matter.
#define STREAM 4096
// x^(8·4096) and x^(8·8192) mod P, reflected.
#define OVER_ONE_STREAM 0x35d73a62
#define OVER_TWO_STREAMS 0x28461564

static inline uint64_t load64(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

// a·b mod P of reflected numbers: bit 31 stands for x^0.
static uint32_t times(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (int i = 0; i < 32; i++) {
        product ^= a & (0u - (b >> 31));
        b <<= 1;
        a = (a >> 1) ^ (0x82f63b78 & (0u - (a & 1)));
    }
    return product;
}

__attribute__((target("+crc"))) uint32_t crc32c_armv8(uint32_t state, const uint8_t *bytes, size_t count) {
    while (count >= 3 * STREAM) {
        uint32_t a = state, b = 0, c = 0;
        for (size_t i = 0; i < STREAM; i += 8) {
            a = __crc32cd(a, load64(bytes + i));
            b = __crc32cd(b, load64(bytes + STREAM + i));
            c = __crc32cd(c, load64(bytes + 2 * STREAM + i));
        }
        state = times(a, OVER_TWO_STREAMS) ^ times(b, OVER_ONE_STREAM) ^ c;
        bytes += 3 * STREAM;
        count -= 3 * STREAM;
    }
    for (; count >= 8; bytes += 8, count -= 8) state = __crc32cd(state, load64(bytes));
    for (; count > 0; bytes++, count--) state = __crc32cb(state, *bytes);
    return state;
}

#endif
