// SPDX-License-Identifier: Apache-2.0
// NEON: a prefilter uses 24 registers of sums (of 8 rows and 12 queries), three of queries, one of
// an element and one of a difference: 29 of 32 registers.
#if defined(__aarch64__)

#define LODE_LANES 4
#define LODE_TARGET
#define LODE_BLOCK_ROWS 4
#define LODE_PANEL_REGISTERS 3
#define LODE_PANEL_ROWS 8

#include "lanes.h"

INLINE lanes load_tail(const float *p, size_t n) {
    lanes v = {p[0], n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
    return v;
}

#include "rows.h"
#include "panels.h"
#include "signatures.h"

const lode_kernels lode_neon_kernels = LODE_KERNELS(LODE_ISA_NEON);

#endif
