#include "internal.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

// x^n mod P, reflected, as the multiplier that carries a register over D bytes. A carry-less product of reflected numbers is
// one bit short and `crc32` itself multiplies by x^32, hence the 33: a 32-bit register needs x^(8D - 33); of a 128-bit lane
// the low half (the earlier bytes) needs x^(8D + 31) and the high half x^(8D - 33).
// Source of the method: Intel, "Fast CRC computation for iSCSI polynomial using CRC32 instruction" (2011), and
// "Fast CRC computation for generic polynomials using PCLMULQDQ" (2009). The numbers come from P by squaring.
#define FOLD_256_LOW 0xdcb17aa4
#define FOLD_256_HIGH 0xb9e02b86
#define FOLD_64_LOW 0x740eef02
#define FOLD_64_HIGH 0x9e4addf8
#define FOLD_48_LOW 0x1c291d04
#define FOLD_48_HIGH 0xddc0152b
#define FOLD_32_LOW 0x3da6d0cb
#define FOLD_32_HIGH 0xba4fc28e
#define FOLD_16_LOW 0xf20c0dfe
#define FOLD_16_HIGH 0x493c7d27

// Three streams of this many bytes hide the three cycles of latency of `crc32`.
#define STREAM 1024
#define OVER_ONE_STREAM 0x170076fa
#define OVER_TWO_STREAMS 0xa51b6135

static inline uint64_t load64(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t one_stream(uint32_t state, const uint8_t *bytes, size_t count) {
    uint64_t wide = state;
    for (; count >= 8; bytes += 8, count -= 8) wide = _mm_crc32_u64(wide, load64(bytes));
    state = (uint32_t)wide;
    for (; count > 0; bytes++, count--) state = _mm_crc32_u8(state, *bytes);
    return state;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t times(uint64_t state, uint32_t multiplier) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state), _mm_cvtsi32_si128((int)multiplier), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

__attribute__((target("sse4.2,pclmul"))) uint32_t crc32c_sse42(uint32_t state, const uint8_t *bytes, size_t count) {
    while (count >= 3 * STREAM) {
        uint64_t a = state, b = 0, c = 0;
        for (size_t i = 0; i < STREAM; i += 8) {
            a = _mm_crc32_u64(a, load64(bytes + i));
            b = _mm_crc32_u64(b, load64(bytes + STREAM + i));
            c = _mm_crc32_u64(c, load64(bytes + 2 * STREAM + i));
        }
        state = (uint32_t)(c ^ _mm_crc32_u64(0, times(a, OVER_TWO_STREAMS) ^ times(b, OVER_ONE_STREAM)));
        bytes += 3 * STREAM;
        count -= 3 * STREAM;
    }
    return one_stream(state, bytes, count);
}

#define AVX512 __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,vpclmulqdq")))

AVX512 static inline __m512i fold(__m512i sum, __m512i multipliers, __m512i next) {
    __m512i low = _mm512_clmulepi64_epi128(sum, multipliers, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(sum, multipliers, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

// Four sums of 64 bytes each, folded 256 bytes at a time: bound by the load ports, not by `crc32`'s eight bytes a cycle.
AVX512 uint32_t crc32c_avx512(uint32_t state, const uint8_t *bytes, size_t count) {
    if (count < 512) return crc32c_sse42(state, bytes, count);

    __m512i first = _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)state));
    __m512i a = _mm512_xor_si512(_mm512_loadu_si512(bytes), first);
    __m512i b = _mm512_loadu_si512(bytes + 64);
    __m512i c = _mm512_loadu_si512(bytes + 128);
    __m512i d = _mm512_loadu_si512(bytes + 192);
    bytes += 256;
    count -= 256;

    const __m512i over256 = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_256_HIGH, FOLD_256_LOW));
    for (; count >= 256; bytes += 256, count -= 256) {
        a = fold(a, over256, _mm512_loadu_si512(bytes));
        b = fold(b, over256, _mm512_loadu_si512(bytes + 64));
        c = fold(c, over256, _mm512_loadu_si512(bytes + 128));
        d = fold(d, over256, _mm512_loadu_si512(bytes + 192));
    }

    const __m512i over64 = _mm512_broadcast_i32x4(_mm_set_epi64x(FOLD_64_HIGH, FOLD_64_LOW));
    b = fold(a, over64, b);
    c = fold(b, over64, c);
    d = fold(c, over64, d);
    for (; count >= 64; bytes += 64, count -= 64) d = fold(d, over64, _mm512_loadu_si512(bytes));

    // The four lanes of the last sum lie 48, 32, 16 and 0 bytes before its end.
    const __m512i lanes = _mm512_set_epi64(0, 0, FOLD_16_HIGH, FOLD_16_LOW, FOLD_32_HIGH, FOLD_32_LOW, FOLD_48_HIGH, FOLD_48_LOW);
    __m512i low = _mm512_clmulepi64_epi128(d, lanes, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(d, lanes, 0x11);
    __m512i folded = _mm512_xor_si512(low, high);
    __m128i sum = _mm512_extracti32x4_epi32(d, 3);
    sum = _mm_xor_si128(sum, _mm512_extracti32x4_epi32(folded, 0));
    sum = _mm_xor_si128(sum, _mm512_extracti32x4_epi32(folded, 1));
    sum = _mm_xor_si128(sum, _mm512_extracti32x4_epi32(folded, 2));
    uint64_t wide = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(sum));
    wide = _mm_crc32_u64(wide, (uint64_t)_mm_extract_epi64(sum, 1));
    return one_stream((uint32_t)wide, bytes, count);
}

#endif
