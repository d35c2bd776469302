// Counts what a benchmark allocates: malloc and its kin are wrapped in the benchmark's executable only.
#pragma once
#include <stddef.h>

/// Calls of malloc, calloc, realloc and aligned_alloc so far, by all threads.
unsigned long mp_allocations(void);

/// Octets that are allocated and not freed, as the C library counts them.
size_t mp_heap_in_use(void);

/// Begins or ends to count what `mp_references` gives. It costs time: what is timed is run without it.
void mp_count_references(int counts);

/// Retains and releases of Swift's objects by the executable while they were counted; those of objects that are never freed
/// are left out.
unsigned long mp_references(void);

/// The processor's time that the calling thread has used, in nanoseconds. What else the machine does does not count.
unsigned long mp_thread_nanoseconds(void);
