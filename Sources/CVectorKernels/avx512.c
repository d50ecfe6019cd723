// SPDX-License-Identifier: Apache-2.0
// AVX-512F: a prefilter uses 24 registers of sums (of 8 rows and 48 queries), three of queries, one
// of an element and one of a difference: 29 of 32 registers.
#if defined(__x86_64__)

#include <immintrin.h>

#define LODE_LANES 16
#define LODE_TARGET __attribute__((target("avx512f")))
#define LODE_BLOCK_ROWS 4
#define LODE_PANEL_REGISTERS 3
#define LODE_PANEL_ROWS 8

#include "lanes.h"

INLINE lanes load_tail(const float *p, size_t n) {
    return (lanes)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

#include "rows.h"
#include "panels.h"
#include "signatures.h"

const lode_kernels lode_avx512_kernels = LODE_KERNELS(LODE_ISA_AVX512);

#endif
