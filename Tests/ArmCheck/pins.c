// Reader and owner of CONSISTENCY P3–P5 in C, on the pool's own atomics: compiled for AArch64 by scripts/check-arm, which looks at
// the instructions of the functions named check_… and runs `main` under an emulator.
#include "CFluxonChecksum.h"
#include "CFluxonPool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// One function for each order that the protocol names, so that its instructions can be found.
uint64_t check_load_acquire(const void *address) { return cfluxon_load_acquire(address); }
void check_store_release(void *address, uint64_t value) { cfluxon_store_release(address, value); }
void check_full_fence(void) { cfluxon_full_fence(); }
bool check_pin_claim(void *word, uint64_t pin) { return cfluxon_pin_claim(word, pin); }
bool check_is_unchanged(const void *word, uint64_t expected) { return cfluxon_is_unchanged(word, expected); }
void check_add_fenced(void *address) { cfluxon_add_fenced(address, 1); }

#define ENTRIES 4
#define READERS 2
#define WORDS 32
#define ROUNDS 200000

static uint64_t word[ENTRIES];
static uint64_t bytes[ENTRIES][WORDS];
static uint64_t pins[READERS];
static int is_over;
static long hits;

static void fail(const char *what) {
    fprintf(stderr, "pins: %s\n", what);
    exit(1);
}

static void *read_entries(void *argument) {
    uint64_t *pin = argument;
    long seen = 0;
    for (unsigned turn = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); turn++) {
        unsigned entry = turn % ENTRIES;
        uint64_t look = cfluxon_load_acquire(&word[entry]);
        if ((look & 7) != CFLUXON_STATE_PUBLISHED || !cfluxon_pin_claim(pin, look | (entry + 1) << 3)) {
            continue;
        }
        if (cfluxon_is_unchanged(&word[entry], look)) {
            for (int i = 0; i < WORDS; i++) {
                if (bytes[entry][i] != look) {
                    fail("bytes of another generation under a pin");
                }
            }
            seen++;
        }
        cfluxon_store_release(pin, 0);
    }
    __atomic_fetch_add(&hits, seen, __ATOMIC_RELAXED);
    return NULL;
}

// Publishes, retires, scans and reuses; an entry that is pinned is left for later.
static void own(void) {
    uint64_t generation = 0;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned entry = round % ENTRIES;
        uint64_t old = word[entry];
        if ((old & 7) == CFLUXON_STATE_PUBLISHED) {
            cfluxon_store_release(&word[entry], (old & ~7ull) | CFLUXON_STATE_RETIRED);
        }
        cfluxon_full_fence();
        bool is_pinned = false;
        for (int reader = 0; reader < READERS; reader++) {
            uint64_t pin = cfluxon_load_acquire(&pins[reader]);
            is_pinned = is_pinned || (pin != 0 && (pin >> 3 & 7) == entry + 1);
        }
        if (is_pinned) {
            continue;
        }
        generation += 64;
        for (int i = 0; i < WORDS; i++) {
            bytes[entry][i] = generation << 3 | CFLUXON_STATE_PUBLISHED;
        }
        cfluxon_store_release(&word[entry], generation << 3 | CFLUXON_STATE_PUBLISHED);
    }
}

// The instructions' way against the table's, at lengths around each of its loops.
static void check_checksums(void) {
    static uint8_t text[40000];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 31 + (i >> 7));
    }
    for (size_t count = 0; count < sizeof text; count += count < 64 ? 1 : 1237) {
        uint32_t expected = 0;
        cfluxon_crc32c_by(CFLUXON_CRC32C_TABLE, 7, text, count, &expected);
        if (cfluxon_crc32c(7, text, count) != expected) {
            fail("a checksum differs from the table's");
        }
    }
    if (cfluxon_crc32c(0, "123456789", 9) != 0xe3069283) {
        fail("the checksum of the standard's test text is wrong");
    }
}

int main(void) {
    check_checksums();
    pthread_t threads[READERS];
    for (int reader = 0; reader < READERS; reader++) {
        if (pthread_create(&threads[reader], NULL, read_entries, &pins[reader]) != 0) {
            fail("no thread");
        }
    }
    own();
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int reader = 0; reader < READERS; reader++) {
        pthread_join(threads[reader], NULL);
    }
    printf("fine, %ld hits, checksum of kind %d\n", hits, cfluxon_crc32c_kind());
    return hits == 0;
}
