// Only in builds with ThreadSanitizer: tells it what Swift's Mutex does.
//
// ThreadSanitizer sees the atomic operations by which a free Mutex is taken and given back, for they are compiled into our code.
// When a thread has to wait, though, it calls into the Swift library, which is not instrumented, and there the kernel hands
// the Mutex over (FUTEX_LOCK_PI). Of that nothing is seen, and what the two threads do one after the other is reported as a
// race. Suppressions would hide real races of the same functions. Instead our two functions stand before those of the library
// and say what happens. The names are those of the library's Mutex on Linux, Swift 6.0 and later.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

void __tsan_acquire(void *address);
void __tsan_release(void *address);

typedef SWIFT void (*Lock)(uint32_t thread, SELF void *mutex);
typedef SWIFT void (*Unlock)(SELF void *mutex);
SWIFT void mp_tsan_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void mp_tsan_unlock(SELF void *mutex) __asm__(UNLOCK);

static Lock lock;
static Unlock unlock;

// Before main, so that no thread has to look the functions up. A program without Mutex has them not, and never calls ours.
__attribute__((constructor)) static void find(void) {
  lock = (Lock)dlsym(RTLD_NEXT, LOCK);
  unlock = (Unlock)dlsym(RTLD_NEXT, UNLOCK);
}

SWIFT void mp_tsan_lock(uint32_t thread, SELF void *mutex) {
  lock(thread, mutex);
  __tsan_acquire(mutex);
}

SWIFT void mp_tsan_unlock(SELF void *mutex) {
  __tsan_release(mutex);
  unlock(mutex);
}
#endif
#endif
