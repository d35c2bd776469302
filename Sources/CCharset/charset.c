// See ccharset.h.

#include "ccharset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

// The widest set of each family: what names the narrower one in mail is often the wider.
static const char *const names[mp_charset_count] = {
    "GB18030", "BIG5-HKSCS", "CP932", "EUC-JP-MS", "ISO-2022-JP-2", "UHC", "ISO-2022-KR",
    "UTF-7",   "UTF-16",     "UTF-16BE", "UTF-16LE",
};

enum { closed, open, unknown };

// A converter is some hundred octets and takes a look into a table to open: each thread keeps its own.
static _Thread_local iconv_t converters[mp_charset_count];
static _Thread_local unsigned char states[mp_charset_count];

static int converter(int set, iconv_t *found) {
    if (set < 0 || set >= mp_charset_count) return 0;
    if (states[set] == closed) {
        converters[set] = iconv_open("UTF-8", names[set]);
        states[set] = converters[set] == (iconv_t)-1 ? unknown : open;
    }
    *found = converters[set];
    return states[set] == open;
}

int mp_charset_is_known(int set) {
    iconv_t found;
    return converter(set, &found);
}

static int replace(char **to, size_t *left) {
    if (*left < 3) return 0;
    memcpy(*to, "\xEF\xBF\xBD", 3);
    *to += 3;
    *left -= 3;
    return 1;
}

ptrdiff_t mp_charset_decode(
    int set, const uint8_t *octets, size_t count, uint8_t *utf8, size_t room, size_t *replaced) {
    *replaced = 0;
    iconv_t with;
    if (!converter(set, &with)) return -1;
    iconv(with, NULL, NULL, NULL, NULL);
    char *from = (char *)octets, *to = (char *)utf8;
    size_t left = room;
    while (count > 0) {
        size_t before = count;
        if (iconv(with, &from, &count, &to, &left) != (size_t)-1) break;
        if (errno == E2BIG) break;
        // An octet that nothing begins with, or a character that is cut off at the end.
        *replaced += 1;
        if (!replace(&to, &left) || count == 0 || count > before) break;
        if (errno == EINVAL) break;
        from += 1;
        count -= 1;
    }
    iconv(with, NULL, NULL, &to, &left);
    return to - (char *)utf8;
}
