// zstd (RFC 8878), for closed segments and for captures of others.
#pragma once
#include <zstd.h>
#include <zstd_errors.h>
