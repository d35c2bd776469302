// Counts what a benchmark allocates: malloc and its kin are wrapped in the benchmark's executable only.
#pragma once
#include <stddef.h>

/// Calls of malloc, calloc, realloc and aligned_alloc so far, by all threads.
unsigned long mp_allocations(void);

/// Octets that are allocated and not freed, as the C library counts them.
size_t mp_heap_in_use(void);
