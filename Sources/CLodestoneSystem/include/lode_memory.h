// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_MEMORY_H
#define LODE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/// Prefetches a line of memory that will be read soon; any address is allowed.
///
/// The line goes into the second-level cache, which waits for more lines at once than the first.
/// Measured (rows of 384 bytes at random addresses, Zen 5): 14 ns per row with this prefetch, 37 ns
/// with a prefetch into the first-level cache, 36 ns without one.
static inline void lode_prefetch(const void *line) { __builtin_prefetch(line, 0, 2); }

/// Whether `bytes` contain `part`, in time linear in both.
bool lode_contains(const void *bytes, size_t count, const void *part, size_t part_count);

/// Makes the allocator return large blocks and the free end of each heap to the system. It then has
/// at most one heap per core, or four heaps.
///
/// The program calls it once. Without it, glibc keeps memory in proportion to the largest block
/// ever freed: after replies of 16 MiB, each of 16 heaps kept up to 38 MiB.
void lode_memory_keep_little(void);

/// Returns free memory of the allocator to the system.
void lode_memory_trim(void);

#endif
