// zlib, for COMPRESS=DEFLATE (RFC 4978) and for captures in gzip. These functions stand for macros, which Swift does not see.
#pragma once
#include <zlib.h>

/// Ready to inflate a raw deflate stream without header (RFC 1951), as RFC 4978 §3 has it.
static inline int mp_inflate_init(z_stream *_Nonnull stream) { return inflateInit2(stream, -15); }

/// Ready to deflate into a raw stream.
static inline int mp_deflate_init(z_stream *_Nonnull stream) {
  return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
}

/// Ready to inflate a gzip member (RFC 1952).
static inline int mp_gunzip_init(z_stream *_Nonnull stream) { return inflateInit2(stream, 15 + 16); }
