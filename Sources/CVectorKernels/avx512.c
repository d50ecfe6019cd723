// SPDX-License-Identifier: Apache-2.0
// AVX-512F: 16 sums of 4 x 4 pairs, 4 rows and a query are 21 of 32 registers.
#if defined(__x86_64__)

#include <immintrin.h>

#define LODE_LANES 16
#define LODE_TARGET __attribute__((target("avx512f")))
#define LODE_BLOCK_ROWS 4

#include "lanes.h"

INLINE lanes load_tail(const float *p, size_t n) {
    return (lanes)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

#include "rows.h"

const lode_kernels lode_avx512_kernels = LODE_KERNELS(LODE_ISA_AVX512);

#endif
