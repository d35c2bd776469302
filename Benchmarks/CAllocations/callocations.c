#define _GNU_SOURCE
#include "callocations.h"
#include <errno.h>
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

// The C library's own names for its allocator, which it exports for those who wrap it.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static unsigned long allocations;

static void count(void) { __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t items, size_t size) {
  count();
  return __libc_calloc(items, size);
}

void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  count();
  void *block = __libc_memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}

unsigned long mp_allocations(void) { return __atomic_load_n(&allocations, __ATOMIC_RELAXED); }

unsigned long mp_thread_nanoseconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return (unsigned long)used.tv_sec * 1000000000 + (unsigned long)used.tv_nsec;
}

size_t mp_heap_in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Swift's counting of references is in its runtime, a shared library: the executable calls it through a table of addresses,
// whose entries are put to functions that count while a round is counted. Calls within the runtime are not seen.

static unsigned long references;

// Literals and small strings have no address that is positive; what is never freed has a count that says so.
static void count_reference(const void *object) {
  if ((intptr_t)object <= 0 || *((const uint32_t *)object + 2) == UINT32_MAX) return;
  __atomic_fetch_add(&references, 1, __ATOMIC_RELAXED);
}

#define COUNTED(result, name, parameters, arguments)                                                                   \
  extern result name parameters;                                                                                       \
  static result counted_##name parameters {                                                                            \
    count_reference(object);                                                                                           \
    return name##_called arguments;                                                                                    \
  }

#define CALLED(result, name, parameters) static result(*name##_called) parameters;

CALLED(void *, swift_retain, (void *))
CALLED(void *, swift_retain_n, (void *, uint32_t))
CALLED(void, swift_release, (void *))
CALLED(void, swift_release_n, (void *, uint32_t))
CALLED(void *, swift_bridgeObjectRetain, (void *))
CALLED(void *, swift_bridgeObjectRetain_n, (void *, int))
CALLED(void, swift_bridgeObjectRelease, (void *))
CALLED(void, swift_bridgeObjectRelease_n, (void *, int))

COUNTED(void *, swift_retain, (void *object), (object))
COUNTED(void *, swift_retain_n, (void *object, uint32_t n), (object, n))
COUNTED(void, swift_release, (void *object), (object))
COUNTED(void, swift_release_n, (void *object, uint32_t n), (object, n))
COUNTED(void *, swift_bridgeObjectRetain, (void *object), (object))
COUNTED(void *, swift_bridgeObjectRetain_n, (void *object, int n), (object, n))
COUNTED(void, swift_bridgeObjectRelease, (void *object), (object))
COUNTED(void, swift_bridgeObjectRelease_n, (void *object, int n), (object, n))

static const struct {
  const char *name;
  void *counted;
  void **called;
} functions[] = {
#define FUNCTION(name) {#name, (void *)counted_##name, (void **)&name##_called}
    FUNCTION(swift_retain),
    FUNCTION(swift_retain_n),
    FUNCTION(swift_release),
    FUNCTION(swift_release_n),
    FUNCTION(swift_bridgeObjectRetain),
    FUNCTION(swift_bridgeObjectRetain_n),
    FUNCTION(swift_bridgeObjectRelease),
    FUNCTION(swift_bridgeObjectRelease_n),
};

static void put(void **entry, const char *name, int counts) {
  for (size_t index = 0; index < sizeof functions / sizeof *functions; index++) {
    if (strcmp(name, functions[index].name) != 0) continue;
    if (*functions[index].called == NULL) *functions[index].called = dlsym(RTLD_DEFAULT, name);
    uintptr_t page = (uintptr_t)entry & ~(uintptr_t)4095;
    // Linkers may have made the table read-only.
    if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE) != 0) return;
    *entry = counts ? functions[index].counted : *functions[index].called;
  }
}

static int put_all(struct dl_phdr_info *image, size_t size, void *counts) {
  (void)size;
  const ElfW(Dyn) *entries = NULL;
  for (int index = 0; index < image->dlpi_phnum; index++) {
    if (image->dlpi_phdr[index].p_type == PT_DYNAMIC) {
      entries = (const void *)(image->dlpi_addr + image->dlpi_phdr[index].p_vaddr);
    }
  }
  const ElfW(Sym) *symbols = NULL;
  const char *names = NULL;
  const ElfW(Rela) *tables[2] = {NULL, NULL};
  size_t sizes[2] = {0, 0};
  for (; entries != NULL && entries->d_tag != DT_NULL; entries++) {
    if (entries->d_tag == DT_SYMTAB) symbols = (const void *)entries->d_un.d_ptr;
    if (entries->d_tag == DT_STRTAB) names = (const void *)entries->d_un.d_ptr;
    if (entries->d_tag == DT_JMPREL) tables[0] = (const void *)entries->d_un.d_ptr;
    if (entries->d_tag == DT_PLTRELSZ) sizes[0] = entries->d_un.d_val;
    if (entries->d_tag == DT_RELA) tables[1] = (const void *)entries->d_un.d_ptr;
    if (entries->d_tag == DT_RELASZ) sizes[1] = entries->d_un.d_val;
  }
  for (int table = 0; table < 2; table++) {
    if (symbols == NULL || names == NULL || tables[table] == NULL) continue;
    for (size_t index = 0; index < sizes[table] / sizeof(ElfW(Rela)); index++) {
      const ElfW(Rela) *one = &tables[table][index];
      size_t symbol = one->r_info >> 32;
      if (symbol == 0 || one->r_addend != 0) continue;
      put((void **)(image->dlpi_addr + one->r_offset), names + symbols[symbol].st_name, *(int *)counts);
    }
  }
  return 1;  // the first image is the executable
}

void mp_count_references(int counts) { dl_iterate_phdr(put_all, &counts); }

unsigned long mp_references(void) { return __atomic_load_n(&references, __ATOMIC_RELAXED); }
