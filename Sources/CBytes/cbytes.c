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

size_t mp_count_byte(const void *bytes, size_t count, unsigned char byte) {
  const unsigned char *octets = bytes;
  size_t found = 0;
  if (octets == NULL) return 0;
  for (size_t index = 0; index < count; index++) found += octets[index] == byte;
  return found;
}
