// Byte searches of the C library for the pure modules, which do not import it: no I/O, no allocation.
#pragma once
#include <stddef.h>

/// Offset of the first `byte` in `bytes[0..<count]`, or -1.
ptrdiff_t mp_find_byte(const void *_Nullable bytes, size_t count, unsigned char byte);

/// Offset of the first occurrence of `needle[0..<needle_count]` in `bytes[0..<count]`, or -1.
ptrdiff_t mp_find_bytes(const void *_Nullable bytes, size_t count, const void *_Nonnull needle, size_t needle_count);

/// Offset of the first CRLF "." in `bytes[0..<count]`, or -1. Made for octets that have none.
ptrdiff_t mp_find_dot_line(const void *_Nullable bytes, size_t count);

/// How many octets at the front of content are plain: no CR or LF without the other, and no dot behind a line end. 0 when that
/// is not plain to see; what comes before `bytes` must be neither CR nor a line end. Looks at whole blocks only.
size_t mp_plain_content(const void *_Nullable bytes, size_t count);

/// How often `byte` occurs in `bytes[0..<count]`.
size_t mp_count_byte(const void *_Nullable bytes, size_t count, unsigned char byte);
