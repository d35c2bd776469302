// Byte searches of the C library for the pure modules, which do not import it: no I/O, no allocation.
#pragma once
#include <stddef.h>
#include <string.h>

/// Offset of the first `byte` in `bytes[0..<count]`, or -1. Here, because most searches are short.
static inline ptrdiff_t mp_find_byte(const void *_Nullable bytes, size_t count, unsigned char byte) {
  if (bytes == NULL || count == 0) return -1;
  const char *hit = (const char *)memchr(bytes, byte, count);
  return hit == NULL ? -1 : hit - (const char *)bytes;
}

/// Offset of the first occurrence of `needle[0..<needle_count]` in `bytes[0..<count]`, or -1.
ptrdiff_t mp_find_bytes(const void *_Nullable bytes, size_t count, const void *_Nonnull needle, size_t needle_count);

/// Offset of the first CRLF "." in `bytes[0..<count]`, or -1. Made for octets that have none.
ptrdiff_t mp_find_dot_line(const void *_Nullable bytes, size_t count);

/// How many octets at the front of content are plain: no CR or LF without the other, and no dot behind a line end. 0 when that
/// is not plain to see; what comes before `bytes` must be neither CR nor a line end. Looks at whole blocks only.
size_t mp_plain_content(const void *_Nullable bytes, size_t count);

/// How often `byte` occurs in `bytes[0..<count]`.
size_t mp_count_byte(const void *_Nullable bytes, size_t count, unsigned char byte);

/// Which kinds of octets occur in `bytes[0..<count]`: 1 NUL, 2 CR, 4 beyond ASCII, 8 another control character than NUL, TAB,
/// LF and CR, 16 an equals sign.
unsigned mp_octet_kinds(const void *_Nullable bytes, size_t count);

/// How many octets at the front of `bytes[0..<count]` are plain lines: ASCII without NUL, CR and LF only together, an LF in each
/// 256 octets, no hyphen and no "b" behind a line end. What comes before `bytes` must be a line end. Looks at whole blocks only
/// and ends behind a line end.
size_t mp_plain_lines(const void *_Nullable bytes, size_t count);

/// Whether `bytes[0..<count]` are base64 digits, all of them.
int mp_is_base64(const void *_Nullable bytes, size_t count);

/// Whether the letters of `word[0..<word_count]` stand somewhere in `bytes[0..<count]`, in any case. Made for words of 4 to 32
/// letters in octets that have none.
int mp_has_word_ignoring_case(const void *_Nullable bytes, size_t count, const void *_Nullable word, size_t word_count);

/// Whether `count` octets are the same, ASCII letters in any case.
int mp_equal_ignoring_case(const void *_Nullable bytes, const void *_Nullable others, size_t count);

/// How many octets at the front of `bytes[0..<count]` are neither space nor tab.
size_t mp_word_length(const void *_Nullable bytes, size_t count);

/// How many octets at the front of `bytes[0..<count]` are `atext` (RFC 5322 §3.2.3) or beyond ASCII.
size_t mp_atext_length(const void *_Nullable bytes, size_t count);

/// How many are letters, digits, hyphens or beyond ASCII: what the labels of a domain consist of (RFC 5321 §4.1.2).
size_t mp_label_length(const void *_Nullable bytes, size_t count);

/// How many are `xchar` (RFC 3461 §4): what xtext has without its hexadecimal parts.
size_t mp_xtext_length(const void *_Nullable bytes, size_t count);

/// Whether `bytes[0..<count]` are printable ASCII or spaces, all of them.
int mp_is_printable(const void *_Nullable bytes, size_t count);

/// A number of `bytes[0..<count]` by which most octets that are not the same differ. It can be forged.
unsigned long long mp_mark(const void *_Nullable bytes, size_t count);

/// Whether `bytes[0..<count]` are printable ASCII other than space, all of them.
int mp_is_visible(const void *_Nullable bytes, size_t count);

/// The lengths of a word's part before an equals sign, and of the whole word. Without the sign both are the same.
typedef struct {
  size_t keyword, word;
} mp_parameter;

/// How many octets at the front of `bytes[0..<count]` are neither space nor tab, and how many of them stand before the first
/// equals sign.
mp_parameter mp_parameter_lengths(const void *_Nullable bytes, size_t count);

/// Up to eight octets in capitals (ASCII) as one number, the first in the lowest place, to be compared at once; 0 when there are
/// more or none, or a NUL is among them.
unsigned long long mp_packed(const void *_Nullable bytes, size_t count);

/// How many octets at the front of `bytes[0..<count]` are a mailbox of the plain form (RFC 5321 §4.1.2): `Dot-string "@"
/// Domain` within the limits of §4.5.3.1, octets beyond ASCII taken for letters. 0 when none stands there: it may still be a
/// mailbox of another form.
size_t mp_mailbox_length(const void *_Nullable bytes, size_t count);

/// Folds most of `bytes[0..<count]` into the 16 octets of `rest`: a CRC-32 that begins with 0 over these is what one that begins as it
/// has to is over all that was folded. How many octets that are; 0, with nothing in `rest`, when there are too few, or the processor
/// can't.
size_t mp_fold_crc32(const void *_Nullable bytes, size_t count, unsigned char *_Nullable rest);

