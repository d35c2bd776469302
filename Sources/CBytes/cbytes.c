#define _GNU_SOURCE
#include "cbytes.h"
#include <string.h>

ptrdiff_t mp_find_byte(const void *bytes, size_t count, unsigned char byte) {
  if (bytes == NULL || count == 0) return -1;
  const char *hit = memchr(bytes, byte, count);
  return hit == NULL ? -1 : hit - (const char *)bytes;
}

ptrdiff_t mp_find_bytes(const void *bytes, size_t count, const void *needle, size_t needle_count) {
  if (bytes == NULL || count < needle_count) return -1;
  const char *hit = memmem(bytes, count, needle, needle_count);
  return hit == NULL ? -1 : hit - (const char *)bytes;
}

ptrdiff_t mp_find_dot_line(const void *bytes, size_t count) {
  // A block at a time without a branch, which compilers turn into wide comparisons; only a block with a hit is looked at.
  enum { block = 1024 };
  const unsigned char *octets = bytes;
  if (octets == NULL) return -1;
  for (size_t start = 2; start < count; start += block) {
    size_t end = count - start < block ? count : start + block;
    unsigned char hit = 0;
    for (size_t index = start; index < end; index++) {
      hit |= (unsigned char)((octets[index] == '.') & (octets[index - 1] == '\n') & (octets[index - 2] == '\r'));
    }
    if (!hit) continue;
    for (size_t index = start; index < end; index++) {
      if (octets[index] == '.' && octets[index - 1] == '\n' && octets[index - 2] == '\r') return (ptrdiff_t)index - 2;
    }
  }
  return -1;
}

size_t mp_plain_content(const void *bytes, size_t count) {
  enum { block = 512 };
  const unsigned char *octets = bytes;
  if (octets == NULL || count <= block) return 0;
  if (octets[0] == '\n') return 0;
  size_t plain = 1;
  while (count - plain >= block) {
    // LF stands where CR stands before it, and nowhere else; without a branch, for wide comparisons.
    const unsigned char *at = octets + plain;
    unsigned char bad = 0;
    for (int index = 0; index < block; index++) {
      unsigned char torn = (unsigned char)((at[index] == '\n') ^ (at[index - 1] == '\r'));
      unsigned char dot = (unsigned char)((at[index] == '.') & (at[index - 1] == '\n'));
      bad |= torn | dot;
    }
    if (bad) break;
    plain += block;
  }
  return plain > 1 ? plain : 0;
}

size_t mp_count_byte(const void *bytes, size_t count, unsigned char byte) {
  const unsigned char *octets = bytes;
  size_t found = 0;
  if (octets == NULL) return 0;
  for (size_t index = 0; index < count; index++) found += octets[index] == byte;
  return found;
}
