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

unsigned mp_octet_kinds(const void *bytes, size_t count) {
  // Without a branch, for wide comparisons.
  const unsigned char *octets = bytes;
  unsigned char nul = 0, cr = 0, high = 0, control = 0, equals = 0;
  if (octets == NULL) return 0;
  for (size_t index = 0; index < count; index++) {
    unsigned char octet = octets[index];
    nul |= (unsigned char)(octet == 0);
    cr |= (unsigned char)(octet == '\r');
    high |= octet & 0x80;
    equals |= (unsigned char)(octet == '=');
    control |= (unsigned char)(((octet < 32) & (octet != 0) & (octet != '\t') & (octet != '\n') & (octet != '\r')) |
                               (octet == 127));
  }
  return (nul ? 1u : 0) | (cr ? 2u : 0) | (high ? 4u : 0) | (control ? 8u : 0) | (equals ? 16u : 0);
}

size_t mp_plain_lines(const void *bytes, size_t count) {
  enum { block = 256 };
  const unsigned char *octets = bytes;
  if (octets == NULL || count < block) return 0;
  // The first octet has the line end before `bytes` before it.
  if (octets[0] == '-' || octets[0] == 'b' || octets[0] == '\n' || (octets[0] & 0x80) || octets[0] == 0) return 0;
  size_t plain = 1, end = 0;
  while (count - plain >= block) {
    const unsigned char *at = octets + plain;
    unsigned char bad = 0, feeds = 0;
    for (int index = 0; index < block; index++) {
      unsigned char octet = at[index], before = at[index - 1];
      unsigned char torn = (unsigned char)((octet == '\n') ^ (before == '\r'));
      unsigned char special = (unsigned char)((before == '\n') & ((octet == '-') | (octet == 'b')));
      bad |= (unsigned char)(torn | special | (octet == 0) | (octet >> 7));
      feeds |= (unsigned char)(octet == '\n');
    }
    if (bad || !feeds) break;
    plain += block;
    end = plain;
  }
  while (end > 0 && octets[end - 1] != '\n') end--;
  return end;
}

int mp_is_base64(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  unsigned char bad = 0;
  if (octets == NULL) return count == 0;
  for (size_t index = 0; index < count; index++) {
    unsigned char octet = octets[index];
    unsigned char letter = (unsigned char)((unsigned char)((octet | 0x20) - 'a') < 26);
    unsigned char digit = (unsigned char)((unsigned char)(octet - '0') < 10);
    bad |= (unsigned char)!(letter | digit | (octet == '+') | (octet == '/'));
  }
  return !bad;
}

int mp_is_visible(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  unsigned char bad = 0;
  if (octets == NULL) return count == 0;
  for (size_t index = 0; index < count; index++) bad |= (unsigned char)((unsigned char)(octets[index] - 33) > 93);
  return !bad;
}
