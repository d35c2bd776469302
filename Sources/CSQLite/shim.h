// SQLite as a Swift module: the index of recordings and mailboxes.
#pragma once
#include <sqlite3.h>

// SQLITE_TRANSIENT and SQLITE_STATIC are macros with casts, which Swift does not import.
static inline int mp_sqlite_bind_text(sqlite3_stmt *s, int i, const char *p, int n) {
  return sqlite3_bind_text(s, i, p, n, SQLITE_TRANSIENT);
}
static inline int mp_sqlite_bind_blob(sqlite3_stmt *s, int i, const void *p, int n) {
  return sqlite3_bind_blob(s, i, p, n, SQLITE_TRANSIENT);
}
// sqlite3_config is variadic, which Swift does not import. To be called before anything else of SQLite is: memory is then
// not counted, which would take a lock around each allocation.
static inline int mp_sqlite_configure(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
