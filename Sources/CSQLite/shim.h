// SPDX-License-Identifier: Apache-2.0
// SQLite's C API, and the function-like macros and variadic calls that Swift cannot import.
#ifndef LODESTONE_CSQLITE_SHIM_H
#define LODESTONE_CSQLITE_SHIM_H

#include <sqlite3.h>

/// SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
static inline sqlite3_destructor_type lode_sqlite_transient(void) { return SQLITE_TRANSIENT; }

/// SQLITE_STATIC: the bytes stay in place until the statement is reset.
static inline sqlite3_destructor_type lode_sqlite_static(void) { return SQLITE_STATIC; }

/// Sets a boolean connection option of `sqlite3_db_config`, which is variadic in C.
static inline int lode_sqlite_db_config(sqlite3 *db, int option, int on) {
    return sqlite3_db_config(db, option, on, (int *)0);
}

#endif
