// SPDX-License-Identifier: Apache-2.0
// AVX2 and FMA: a prefilter uses 12 registers of sums (of 6 rows and 16 queries), two of queries,
// one of an element and one of a difference: 16 of 16 registers.
#if defined(__x86_64__)

#include <immintrin.h>

#define LODE_LANES 8
#define LODE_TARGET __attribute__((target("avx2,fma")))
#define LODE_BLOCK_ROWS 2
#define LODE_PANEL_REGISTERS 2
#define LODE_PANEL_ROWS 6

#include "lanes.h"

INLINE lanes load_tail(const float *p, size_t n) {
    const lane_masks index = {0, 1, 2, 3, 4, 5, 6, 7};
    return (lanes)_mm256_maskload_ps(p, (__m256i)(index < (int32_t)n));
}

#include "rows.h"
#include "panels.h"
#include "signatures.h"

const lode_kernels lode_avx2_kernels = LODE_KERNELS(LODE_ISA_AVX2);

#endif
