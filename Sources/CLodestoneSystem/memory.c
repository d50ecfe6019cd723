// SPDX-License-Identifier: Apache-2.0
#include "lode_memory.h"

#include "lode_processors.h"

// This header tells whether the library is glibc.
#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

void lode_memory_keep_little(void) {
    // Setting either threshold ends glibc's adjustment of both. With smaller thresholds the memory
    // of each batch was returned and taken again. At 256 KiB and 4 MiB an import over four
    // connections was a tenth slower.
    mallopt(M_MMAP_THRESHOLD, 8 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    // With a heap per thread, threads beyond those that run at once would keep free memory. The
    // default of glibc is eight heaps per core.
    int cores = lode_processor_count();
    mallopt(M_ARENA_MAX, cores > 4 ? cores : 4);
}

void lode_memory_trim(void) { malloc_trim(0); }
#else
void lode_memory_keep_little(void) {}
void lode_memory_trim(void) {}
#endif
