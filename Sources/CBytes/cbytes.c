#define _GNU_SOURCE
#include "cbytes.h"
#include <string.h>

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

// No line end is malformed, and no line begins with a dot. The octet before `at` is looked at too.
static inline int is_plain_block(const unsigned char *at, int count) {
  // LF stands where CR stands before it, and nowhere else; without a branch, for wide comparisons.
  unsigned char bad = 0;
  for (int index = 0; index < count; index++) {
    unsigned char torn = (unsigned char)((at[index] == '\n') ^ (at[index - 1] == '\r'));
    unsigned char dot = (unsigned char)((at[index] == '.') & (at[index - 1] == '\n'));
    bad |= torn | dot;
  }
  return !bad;
}

size_t mp_plain_content(const void *bytes, size_t count) {
  // Large blocks, and small ones for the rest.
  enum { block = 512, small = 64 };
  const unsigned char *octets = bytes;
  if (octets == NULL || count <= small) return 0;
  if (octets[0] == '\n') return 0;
  size_t plain = 1;
  while (count - plain >= block) {
    if (!is_plain_block(octets + plain, block)) return plain > 1 ? plain : 0;
    plain += block;
  }
  while (count - plain >= small && is_plain_block(octets + plain, small)) plain += small;
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

static unsigned char capital(unsigned char octet) {
  return (unsigned char)(octet - ((unsigned char)(octet - 'a') < 26 ? 32 : 0));
}

int mp_equal_ignoring_case(const void *bytes, const void *others, size_t count) {
  const unsigned char *a = bytes, *b = others;
  if (count == 0) return 1;
  if (a == NULL || b == NULL) return 0;
  for (size_t index = 0; index < count; index++) {
    if (a[index] != b[index] && capital(a[index]) != capital(b[index])) return 0;
  }
  return 1;
}

// Eight octets as one number, the first in the lowest place.
static unsigned long long eight_octets(const unsigned char *octets) {
  unsigned long long eight;
  memcpy(&eight, octets, sizeof eight);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  eight = __builtin_bswap64(eight);
#endif
  return eight;
}

static unsigned long long four_octets(const unsigned char *octets) {
  unsigned four;
  memcpy(&four, octets, sizeof four);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  four = __builtin_bswap32(four);
#endif
  return four;
}

// The high bit of each of eight octets that is `octet`. An octet that is zero borrows, and a borrow may go astray, but only
// behind such an octet: the lowest bit is right.
static unsigned long long matches(unsigned long long eight, unsigned char octet) {
  unsigned long long rest = eight ^ octet * 0x0101010101010101u;
  return (rest - 0x0101010101010101u) & ~rest & 0x8080808080808080u;
}

// The first octet in memory of eight in which a bit is set, which are read as they stand there.
static size_t first_octet(unsigned long long bits) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  return (size_t)__builtin_clzll(bits) / 8;
#else
  return (size_t)__builtin_ctzll(bits) / 8;
#endif
}

// Where the first of eight octets stands of which `hits` has the high bit.
static size_t first_hit(unsigned long long hits) { return (size_t)__builtin_ctzll(hits) / 8; }

size_t mp_word_length(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  size_t length = 0;
  if (octets == NULL) return 0;
  if (count < 8) {
    while (length < count && octets[length] != ' ' && octets[length] != '\t') length++;
    return length;
  }
  for (;;) {
    // The last octets with some before them, of which none is a hit.
    if (length + 8 > count) length = count - 8;
    unsigned long long eight = eight_octets(octets + length);
    unsigned long long hits = matches(eight, ' ') | matches(eight, '\t');
    if (hits) return length + first_hit(hits);
    length += 8;
    if (length >= count) return count;
  }
}

mp_parameter mp_parameter_lengths(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  size_t length = 0;
  if (octets == NULL) return (mp_parameter){0, 0};
  while (length + 8 <= count) {
    unsigned long long eight = eight_octets(octets + length);
    unsigned long long hits = matches(eight, ' ') | matches(eight, '\t') | matches(eight, '=');
    if (hits) {
      length += first_hit(hits);
      break;
    }
    length += 8;
  }
  while (length < count && octets[length] != ' ' && octets[length] != '\t' && octets[length] != '=') length++;
  if (length == count || octets[length] != '=') return (mp_parameter){length, length};
  return (mp_parameter){length, length + 1 + mp_word_length(octets + length + 1, count - length - 1)};
}

unsigned long long mp_packed(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  if (octets == NULL || count == 0 || count > 8) return 0;
  unsigned long long packed = 0;
  // What stands behind a word may be nobody's: of a short one the last octets are read with some before them.
  if (count == 8) {
    packed = eight_octets(octets);
  } else if (count >= 4) {
    packed = four_octets(octets) | four_octets(octets + count - 4) << 8 * (count - 4);
  } else {
    for (size_t index = count; index > 0; index--) packed = packed << 8 | octets[index - 1];
  }
  // A NUL is not to be taken for the end.
  unsigned long long filled = count == 8 ? packed : packed | ~0ull << 8 * count;
  if (matches(filled, 0)) return 0;
  // Bit 7 of each octet from "a" on, without those behind "z" and those beyond ASCII; 32 less is the capital.
  unsigned long long ascii = packed & 0x7F7F7F7F7F7F7F7Fu;
  unsigned long long small = (ascii + (0x80 - 'a') * 0x0101010101010101u) ^ (ascii + (0x7F - 'z') * 0x0101010101010101u);
  return packed - ((small & ~packed & 0x8080808080808080u) >> 2);
}

// Sixteen octets at once; those beyond ASCII are below zero.
typedef signed char sixteen __attribute__((vector_size(16)));
typedef long long halves __attribute__((vector_size(16)));

// Each octet that is below `least` or above "~".
static sixteen suspects(const unsigned char *octets, signed char least) {
  sixteen some;
  memcpy(&some, octets, sizeof some);
  return (some < least) | (some == 127);
}

static int is_within(const void *bytes, size_t count, signed char least) {
  const unsigned char *octets = bytes;
  if (octets == NULL) return count == 0;
  if (count < 16) {
    unsigned found = 0;
    for (size_t index = 0; index < count; index++) found |= (octets[index] < least) | (octets[index] > '~');
    return !found;
  }
  sixteen found = {0};
  size_t index = 0;
  for (; index + 16 <= count; index += 16) found |= suspects(octets + index, least);
  // The last octets once more with some before them.
  if (index < count) found |= suspects(octets + count - 16, least);
  halves both = (halves)found;
  return !(both[0] | both[1]);
}

int mp_is_printable(const void *bytes, size_t count) { return is_within(bytes, count, ' '); }
int mp_is_visible(const void *bytes, size_t count) { return is_within(bytes, count, '!'); }

unsigned long long mp_mark(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  unsigned long long mark = 0xCBF29CE484222325u ^ count;
  if (octets == NULL) return mark;
  while (count > 0) {
    unsigned long long eight = 0;
    size_t part = count < 8 ? count : 8;
    memcpy(&eight, octets, part);
    mark = (mark ^ eight) * 0x9E3779B97F4A7C15u;
    mark ^= mark >> 29;
    octets += part;
    count -= part;
  }
  return mark;
}

// What an octet may stand in: letters, digits and octets beyond ASCII in all of them.
enum { atext = 1, label = 2, xtext = 4 };
#define ALL (atext | label | xtext)
#define WORD (atext | xtext)
static const unsigned char kinds[256] = {
    ['!'] = WORD, ['"'] = xtext, ['#'] = WORD, ['$'] = WORD, ['%'] = WORD, ['&'] = WORD, ['\''] = WORD, ['('] = xtext,
    [')'] = xtext, ['*'] = WORD, ['+'] = atext, [','] = xtext, ['-'] = ALL, ['.'] = xtext, ['/'] = WORD,
    ['0' ... '9'] = ALL, [':'] = xtext, [';'] = xtext, ['<'] = xtext, ['='] = atext, ['>'] = xtext, ['?'] = WORD,
    ['@'] = xtext, ['A' ... 'Z'] = ALL, ['['] = xtext, ['\\'] = xtext, [']'] = xtext, ['^'] = WORD, ['_'] = WORD,
    ['`'] = WORD, ['a' ... 'z'] = ALL, ['{'] = WORD, ['|'] = WORD, ['}'] = WORD, ['~'] = WORD,
    [128 ... 255] = atext | label,
};

static size_t run(const void *bytes, size_t count, unsigned char kind) {
  const unsigned char *octets = bytes;
  size_t length = 0;
  if (octets == NULL) return 0;
  while (length < count && (kinds[octets[length]] & kind)) length++;
  return length;
}

size_t mp_atext_length(const void *bytes, size_t count) { return run(bytes, count, atext); }
size_t mp_label_length(const void *bytes, size_t count) { return run(bytes, count, label); }
size_t mp_xtext_length(const void *bytes, size_t count) { return run(bytes, count, xtext); }

// How many of the first octets, one behind the other, are letters or digits; of the last fifteen none is looked at.
static size_t word_run(const unsigned char *octets, size_t count) {
  size_t length = 0;
  for (; count - length >= sizeof(sixteen); length += sizeof(sixteen)) {
    sixteen some;
    memcpy(&some, octets + length, sizeof some);
    sixteen small = some | 0x20;
    halves good = (halves)(((small >= 'a') & (small <= 'z')) | ((some >= '0') & (some <= '9')));
    for (size_t half = 0; half < 2; half++) {
      if (~good[half]) return length + half * 8 + first_octet(~(unsigned long long)good[half]);
    }
  }
  return length;
}

size_t mp_mailbox_length(const void *bytes, size_t count) {
  const unsigned char *octets = bytes;
  size_t length = 0;
  if (octets == NULL) return 0;
  for (;;) {
    size_t start = length;
    length += word_run(octets + length, count - length);
    while (length < count && (kinds[octets[length]] & atext)) length++;
    if (length == start || length >= count) return 0;
    if (octets[length] != '.') break;
    length++;
  }
  if (octets[length] != '@' || length > 64) return 0;
  size_t domain = ++length;
  for (;;) {
    size_t start = length;
    length += word_run(octets + length, count - length);
    while (length < count && (kinds[octets[length]] & label)) length++;
    if (length == start || octets[start] == '-' || octets[length - 1] == '-') return 0;
    if (length >= count || octets[length] != '.') break;
    length++;
  }
  return length - domain > 255 || length > 254 ? 0 : length;
}

int mp_has_word_ignoring_case(const void *bytes, size_t count, const void *word, size_t word_count) {
  if (word_count == 0) return 1;
  if (bytes == NULL || word == NULL || word_count > 255 || count < word_count) return 0;
  // Four letters of the word, at their distances: a block at a time without a branch, for wide comparisons. Only a block where all
  // four stand somewhere as they should is looked at letter by letter.
  enum { block = 256 };
  const unsigned char *text = bytes;
  const unsigned char *letters = word;
  const size_t places = count - word_count + 1;
  const size_t second = word_count / 3, third = word_count * 2 / 3, last = word_count - 1;
  const unsigned char a = letters[0] | 0x20, b = letters[second] | 0x20, c = letters[third] | 0x20, d = letters[last] | 0x20;
  for (size_t start = 0; start < places; start += block) {
    const size_t end = places - start < block ? places : start + block;
    unsigned char hit = 0;
    for (size_t at = start; at < end; at++) {
      hit |= (unsigned char)(((text[at] | 0x20) == a) & ((text[at + second] | 0x20) == b) & ((text[at + third] | 0x20) == c) &
                             ((text[at + last] | 0x20) == d));
    }
    if (!hit) continue;
    for (size_t at = start; at < end; at++) {
      if (mp_equal_ignoring_case(text + at, word, word_count)) return 1;
    }
  }
  return 0;
}

// Sixteen octets stand for all before them when they are multiplied by what a shift over the octets between does to a remainder of
// CRC-32 (ISO 3309): x to the power of that many bits, once less 32 and once more 32 for either half, modulo the polynomial, with its
// bits in the order of the octets. Numbers of 64 octets: 2^544 and 2^480; of 16 octets: 2^160 and 2^96.
#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("pclmul,sse2"))) static inline __m128i folded(__m128i octets, __m128i by, __m128i next) {
  __m128i low = _mm_clmulepi64_si128(octets, by, 0x00), high = _mm_clmulepi64_si128(octets, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse2"))) static size_t fold_crc32(const unsigned char *octets, size_t count, unsigned char rest[16]) {
  const __m128i by64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), by16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i *at = (const __m128i *)octets;
  // The sum begins with all bits set, which is as if the first four octets were inverted.
  __m128i a = _mm_xor_si128(_mm_loadu_si128(at), _mm_cvtsi32_si128(-1));
  __m128i b = _mm_loadu_si128(at + 1), c = _mm_loadu_si128(at + 2), d = _mm_loadu_si128(at + 3);
  size_t done = 64;
  for (; count - done >= 64; done += 64) {
    at = (const __m128i *)(octets + done);
    a = folded(a, by64, _mm_loadu_si128(at));
    b = folded(b, by64, _mm_loadu_si128(at + 1));
    c = folded(c, by64, _mm_loadu_si128(at + 2));
    d = folded(d, by64, _mm_loadu_si128(at + 3));
  }
  a = folded(folded(folded(a, by16, b), by16, c), by16, d);
  for (; count - done >= 16; done += 16) a = folded(a, by16, _mm_loadu_si128((const __m128i *)(octets + done)));
  _mm_storeu_si128((__m128i *)rest, a);
  return done;
}
#endif

size_t mp_fold_crc32(const void *bytes, size_t count, unsigned char *rest) {
  if (bytes == NULL || rest == NULL || count < 64) return 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("pclmul")) return fold_crc32(bytes, count, rest);
#endif
  return 0;
}
