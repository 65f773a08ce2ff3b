#include "CFluxonPool.h"

#if defined(__x86_64__)
#include <emmintrin.h>

void cfluxon_copy_streaming(void *destination, const void *source, size_t count) {
    uint8_t *to = destination;
    const uint8_t *from = source;
    size_t head = (64 - ((uintptr_t)to & 63)) & 63;
    if (head > count) {
        head = count;
    }
    memcpy(to, from, head);
    to += head;
    from += head;
    count -= head;
    for (; count >= 64; to += 64, from += 64, count -= 64) {
        __m128i a = _mm_loadu_si128((const __m128i *)from);
        __m128i b = _mm_loadu_si128((const __m128i *)(from + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(from + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(from + 48));
        _mm_stream_si128((__m128i *)to, a);
        _mm_stream_si128((__m128i *)(to + 16), b);
        _mm_stream_si128((__m128i *)(to + 32), c);
        _mm_stream_si128((__m128i *)(to + 48), d);
    }
    memcpy(to, from, count);
    _mm_sfence();
}
#else
void cfluxon_copy_streaming(void *destination, const void *source, size_t count) {
    memcpy(destination, source, count);
    cfluxon_full_fence();
}
#endif

#if defined(FLUXON_PLANTED_PINS)
#include <time.h>

static int planted;
static _Thread_local uint64_t *kept_word;
static _Thread_local uint64_t kept_value;

void cfluxon_keep_store(void *word, uint64_t value) {
    kept_word = word;
    kept_value = value;
}

void cfluxon_stumble(void) {
    static _Thread_local unsigned turn;
    if (++turn % 61 == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

void cfluxon_show_stores(void) {
    if (kept_word) {
        __atomic_store_n(kept_word, kept_value, __ATOMIC_RELAXED);
        kept_word = NULL;
    }
}

int cfluxon_planted(void) {
    return __atomic_load_n(&planted, __ATOMIC_RELAXED);
}

void cfluxon_plant(int mistake) {
    __atomic_store_n(&planted, mistake, __ATOMIC_RELAXED);
}
#endif
