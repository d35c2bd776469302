// Byte searches of the C library for the pure modules, which do not import it: no I/O, no allocation.
#pragma once
#include <stddef.h>

/// Offset of the first `byte` in `bytes[0..<count]`, or -1.
ptrdiff_t mp_find_byte(const void *_Nullable bytes, size_t count, unsigned char byte);

/// Offset of the first occurrence of `needle[0..<needle_count]` in `bytes[0..<count]`, or -1.
ptrdiff_t mp_find_bytes(const void *_Nullable bytes, size_t count, const void *_Nonnull needle, size_t needle_count);

/// How often `byte` occurs in `bytes[0..<count]`.
size_t mp_count_byte(const void *_Nullable bytes, size_t count, unsigned char byte);
