// The slow ways of Swift's `Mutex` (Synchronization, Swift 6.3), for tests under the thread sanitizer. Its fast ways are atomics within our
// own code, which the sanitizer sees. The slow ones lie in a library that was built without it: a lock that had to wait there would
// order nothing in its eyes. These stand before the library's, and use the word alike: the holder's thread number, or 0.
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "thread_sanitizer.h"

#if !__has_feature(thread_sanitizer)
#error "only for a build with --sanitize=thread"
#endif

#define SWIFT_CALL __attribute__((swiftcall))
#define SWIFT_SELF __attribute__((swift_context))

SWIFT_CALL void lock_slow(uint32_t thread, SWIFT_SELF uint32_t *word) __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
SWIFT_CALL bool try_lock_slow(SWIFT_SELF uint32_t *word) __asm__("$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF");
SWIFT_CALL void unlock_slow(SWIFT_SELF uint32_t *word) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

SWIFT_CALL void lock_slow(uint32_t thread, SWIFT_SELF uint32_t *word) {
    for (;;) {
        uint32_t holder = 0;
        if (__atomic_compare_exchange_n(word, &holder, thread, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return;
        }
        if (holder == thread) {
            __builtin_trap();  // locked by this thread already, as the library would say
        }
        sched_yield();
    }
}

SWIFT_CALL bool try_lock_slow(SWIFT_SELF uint32_t *word) {
    (void)word;
    return false;
}

// Who waits leaves no mark in the word, so the fast way always suffices to unlock.
SWIFT_CALL void unlock_slow(SWIFT_SELF uint32_t *word) {
    (void)word;
    __builtin_trap();
}
