// Character sets of several octets, turned into UTF-8 by the C library's iconv (POSIX.1, iconv(3)): tables of tens of thousands of
// characters that nobody should keep twice. A function of its arguments, but for a set that the machine lacks.
#ifndef CCHARSET_H
#define CCHARSET_H

#include <stddef.h>
#include <stdint.h>

/// The sets, in the order of `MultiOctetCharset`. No other name reaches iconv.
enum {
    mp_charset_gb18030,
    mp_charset_big5,
    mp_charset_shift_jis,
    mp_charset_euc_jp,
    mp_charset_iso_2022_jp,
    mp_charset_euc_kr,
    mp_charset_iso_2022_kr,
    mp_charset_utf_7,
    mp_charset_utf_16,
    mp_charset_utf_16be,
    mp_charset_utf_16le,
    mp_charset_count
};

/// The machine has the set.
int mp_charset_is_known(int set);

/// Turns `count` octets into UTF-8. What is invalid becomes U+FFFD, an octet at a time; `replaced` says how often.
/// `room` should be 4 * count + 16: beyond it the rest is left out.
/// Gives the octets written; -1 when the set is not known.
ptrdiff_t mp_charset_decode(
    int set, const uint8_t *octets, size_t count, uint8_t *utf8, size_t room, size_t *replaced);

#endif
