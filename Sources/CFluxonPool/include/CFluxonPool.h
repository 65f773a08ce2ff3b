// The pool's layout and its atomics (CONSISTENCY §2). Both sides of the mapping compile exactly this file.
//
// Orders, x86-64 and AArch64 alike: what a rule calls acquire, release or full fence is that and nothing weaker; the compiler
// emits plain moves for acquire and release on x86-64 and ldar/stlr on AArch64. A pin is a locked CAS *and* a full fence: on
// x86-64 the fence costs nothing beyond the locked instruction (it is not emitted), on AArch64 it is `dmb ish`.
#ifndef FLUXON_CPOOL_H
#define FLUXON_CPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CFLUXON_POOL_MAGIC 0x314c4f4f50584c46ull /* "FLXPOOL1" */
#define CFLUXON_POOL_LAYOUT_VERSION 1u
#define CFLUXON_HEADER_BYTES 4096u

// First page of the pool file. The first 128 bytes never change while the file lives; a reader copies them once at attach.
typedef struct {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t header_bytes;
    uint64_t file_bytes;
    uint64_t hash_seed;
    uint64_t table_offset;        // of the smallest table; table k begins at table_offset + (2^k - 2^first) * 64
    uint32_t table_first_shift;   // log2 of the buckets of the smallest table
    uint32_t table_last_shift;    // log2 of the buckets of the largest table
    uint64_t entries_offset;
    uint64_t entries_limit;       // entries that the file has room for
    uint64_t data_offset;         // where extents begin
    uint64_t data_bytes;
    uint32_t page_shift;          // log2 of the allocator's page
    uint8_t _reserved0[44];
    // Everything below changes. One cache line, written by the owner about once a second.
    uint64_t epoch;               // P3: as at attach, or the pool is dead
    uint64_t deadline;            // P3: D, nanoseconds of CLOCK_BOOTTIME
    uint64_t table_shift;         // which table is current
    uint64_t entries_granted;     // entries below this number may be looked at
    uint8_t _reserved1[32];
    uint64_t owner_pid;           // for messages only
} cfluxon_superblock;

_Static_assert(offsetof(cfluxon_superblock, epoch) == 128, "the changing words have a cache line of their own");
_Static_assert(offsetof(cfluxon_superblock, owner_pid) == 192, "the changing words fill one cache line");
_Static_assert(sizeof(cfluxon_superblock) <= CFLUXON_HEADER_BYTES, "the superblock fits its page");

#define CFLUXON_INLINE_KEY_BYTES 72u

// Word `w` = generation (48 bits) . tag (13) . state (3). All other fields are immutable while w says PUBLISHED or RETIRED.
// A get of a key of at most 32 bytes touches the first cache line alone.
typedef struct {
    uint64_t word;
    uint64_t extent_offset;
    uint64_t length;
    uint32_t flags;
    uint16_t key_length;
    uint16_t _reserved;
    // A longer key lies in an extent of its own; then the first 8 bytes are that extent's offset and the next 8 its capacity.
    uint8_t key[CFLUXON_INLINE_KEY_BYTES];
    uint64_t extent_capacity;
    uint64_t version_term;
    uint64_t version_sequence;
} cfluxon_entry;

_Static_assert(sizeof(cfluxon_entry) == 128, "entries are two cache lines");
_Static_assert(offsetof(cfluxon_entry, key) == 32, "half of the first cache line is key");

#define CFLUXON_STATE_FREE 0u
#define CFLUXON_STATE_FILLING 1u
#define CFLUXON_STATE_PUBLISHED 2u
#define CFLUXON_STATE_RETIRED 3u
#define CFLUXON_TAG_BITS 13u

// One cache line of the index: seven cells (hash fragment in the high half, entry number + 1 in the low half, 0 = empty) and
// the number of cells that found no room here or before and lie in a later bucket.
#define CFLUXON_BUCKET_CELLS 7u
typedef struct {
    uint64_t cells[CFLUXON_BUCKET_CELLS];
    uint64_t overflow;
} cfluxon_bucket;

_Static_assert(sizeof(cfluxon_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(uint64_t) == 8 && __atomic_always_lock_free(8, 0), "8-byte atomics on shared pages are lock-free");

// Addresses come from the caller, which has bounds-checked them and keeps them aligned to 8 bytes.

static inline uint64_t cfluxon_load_acquire(const void *address) {
    return __atomic_load_n((const uint64_t *)address, __ATOMIC_ACQUIRE);
}

static inline uint64_t cfluxon_load_relaxed(const void *address) {
    return __atomic_load_n((const uint64_t *)address, __ATOMIC_RELAXED);
}

static inline void cfluxon_store_release(void *address, uint64_t value) {
    __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELEASE);
}

static inline void cfluxon_store_relaxed(void *address, uint64_t value) {
    __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELAXED);
}

static inline void cfluxon_full_fence(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// Mistakes that tests plant to see that they find them, in builds with FLUXON_PLANTED_PINS alone: see scripts/sanitize.
#define CFLUXON_PLANTED_UNFENCED_PIN 1      // a pin by a plain store, which a processor may show to others after the second look
#define CFLUXON_PLANTED_NO_SECOND_LOOK 2    // the entry is looked at before the pin and not after it
#define CFLUXON_PLANTED_SCAN_FIRST 3        // the pins are scanned before the entry is RETIRED
#define CFLUXON_PLANTED_PINNED_REUSED 4     // an entry and its extent are free whatever is pinned
#if defined(FLUXON_PLANTED_PINS)
int cfluxon_planted(void);
// From here on in this process; 0: none.
void cfluxon_plant(int mistake);
// This thread's store buffer.
void cfluxon_keep_store(void *word, uint64_t value);
void cfluxon_show_stores(void);
// Stops this thread now and then, as it may stop anywhere, so that what a mistake lets in has the time to come.
void cfluxon_stumble(void);
#else
static inline int cfluxon_planted(void) { return 0; }
static inline void cfluxon_keep_store(void *word, uint64_t value) { (void)word, (void)value; }
static inline void cfluxon_show_stores(void) {}
static inline void cfluxon_stumble(void) {}
#endif

// P3 step 2: claims a free pin word; when it returns true, no later load is done before the pin is visible to every processor.
static inline bool cfluxon_pin_claim(void *word, uint64_t pin) {
    cfluxon_stumble();
    if (cfluxon_planted() == CFLUXON_PLANTED_UNFENCED_PIN) {
        if (__atomic_load_n((uint64_t *)word, __ATOMIC_RELAXED) != 0) {
            return false;
        }
        cfluxon_keep_store(word, pin);
        return true;
    }
    uint64_t expected = 0;
    if (!__atomic_compare_exchange_n((uint64_t *)word, &expected, pin, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        return false;
    }
#if defined(__x86_64__)
    __asm__ __volatile__("" ::: "memory");  // the locked CAS was the full fence
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);  // dmb ish
#endif
    return true;
}

// P3 step 4, L2: whether the word is still what it was; what is read afterwards is read after this look.
static inline bool cfluxon_is_unchanged(const void *word, uint64_t expected) {
    bool is_unchanged = cfluxon_load_acquire(word) == expected;
    cfluxon_stumble();
    cfluxon_show_stores();
    return is_unchanged || cfluxon_planted() == CFLUXON_PLANTED_NO_SECOND_LOOK;
}

// Starts to bring a cache line in; never faults, reads nothing.
static inline void cfluxon_prefetch(const void *address) {
    __builtin_prefetch(address, 0, 3);
}

// Adds to a word; no later load is done before the sum is visible to every processor.
static inline void cfluxon_add_fenced(void *address, int64_t difference) {
    __atomic_fetch_add((int64_t *)address, difference, __ATOMIC_SEQ_CST);
#if defined(__x86_64__)
    __asm__ __volatile__("" ::: "memory");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline void cfluxon_add_release(void *address, int64_t difference) {
    __atomic_fetch_add((int64_t *)address, difference, __ATOMIC_RELEASE);
}

static inline uint64_t cfluxon_exchange(void *address, uint64_t value) {
    return __atomic_exchange_n((uint64_t *)address, value, __ATOMIC_SEQ_CST);
}

static inline uint8_t cfluxon_heat_load(const void *address) {
    return __atomic_load_n((const uint8_t *)address, __ATOMIC_RELAXED);
}

static inline void cfluxon_heat_store(void *address, uint8_t value) {
    __atomic_store_n((uint8_t *)address, value, __ATOMIC_RELAXED);
}

// A number that differs between running threads; costs one move. Spreads threads over pin words, nothing else.
static inline uint64_t cfluxon_thread_number(void) {
    uint64_t pointer;
#if defined(__x86_64__)
    __asm__("movq %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
    __asm__("mrs %0, tpidr_el0" : "=r"(pointer));
#else
#error "Fluxon runs on x86-64 and AArch64"
#endif
    return (pointer * 0x9e3779b97f4a7c15ull) >> 32;
}

static inline uint64_t cfluxon_read8(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, 8);
    return value;
}

static inline uint64_t cfluxon_read4(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return value;
}

static inline uint64_t cfluxon_mix(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Seeded 64-bit hash of a key; wyhash's construction (public domain, github.com/wangyi-fudan/wyhash). The seed is random per
// pool, so that nobody can choose keys that share a bucket. Byte order is the machine's: a pool never leaves its machine.
static inline uint64_t cfluxon_hash(const uint8_t *bytes, size_t count, uint64_t seed) {
    const uint64_t s0 = 0xa0761d6478bd642full, s1 = 0xe7037ed1a0b428dbull, s2 = 0x8ebc6af09c88c6e3ull;
    uint64_t a, b;
    const uint8_t *p = bytes;
    size_t left = count;
    seed ^= cfluxon_mix(seed ^ s0, s1);
    if (count <= 16) {
        if (count >= 4) {
            size_t middle = (count >> 3) << 2;
            a = (cfluxon_read4(p) << 32) | cfluxon_read4(p + middle);
            b = (cfluxon_read4(p + count - 4) << 32) | cfluxon_read4(p + count - 4 - middle);
        } else if (count > 0) {
            a = ((uint64_t)p[0] << 16) | ((uint64_t)p[count >> 1] << 8) | p[count - 1];
            b = 0;
        } else {
            a = b = 0;
        }
    } else {
        uint64_t second = seed;
        while (left > 32) {
            seed = cfluxon_mix(cfluxon_read8(p) ^ s1, cfluxon_read8(p + 8) ^ seed);
            second = cfluxon_mix(cfluxon_read8(p + 16) ^ s2, cfluxon_read8(p + 24) ^ second);
            p += 32;
            left -= 32;
        }
        seed ^= second;
        if (left > 16) {
            seed = cfluxon_mix(cfluxon_read8(p) ^ s1, cfluxon_read8(p + 8) ^ seed);
            p += 16;
            left -= 16;
        }
        a = cfluxon_read8(p + left - 16);
        b = cfluxon_read8(p + left - 8);
    }
    a ^= s1;
    b ^= seed;
    __uint128_t product = (__uint128_t)a * b;
    return cfluxon_mix((uint64_t)product ^ s0 ^ count, (uint64_t)(product >> 64) ^ s1);
}

// Copies `count` bytes past the caches and fences (P6), so that a large put does not evict everybody's working set.
void cfluxon_copy_streaming(void *destination, const void *source, size_t count);

#endif
