// SPDX-License-Identifier: Apache-2.0
// What the files of this target share.
#ifndef LODE_KERNELS_H
#define LODE_KERNELS_H

#include "CVectorKernels.h"

/// Every instruction set by its table; those of another architecture are not compiled.
extern const lode_kernels lode_scalar_kernels;
#if defined(__x86_64__)
extern const lode_kernels lode_avx2_kernels;
extern const lode_kernels lode_avx512_kernels;
#elif defined(__aarch64__)
extern const lode_kernels lode_neon_kernels;
#endif

// The definition of each distance, for one pair.
float lode_define_cosine(const float *query, const float *row, size_t dimension);
float lode_define_squared_euclidean(const float *query, const float *row, size_t dimension);
float lode_define_negative_dot(const float *query, const float *row, size_t dimension);

// Within these bounds of |x|^2 no sum of a cosine overflows, and no product that underflows
// matters: |q.x| is at most 2^40 * 2^60, and 16,384 products of less than 2^-126 are nothing
// beside 2^-50 * 2^-40.
#define LODE_MIN_SQUARED_NORM 0x1p-100f
#define LODE_MAX_SQUARED_NORM 0x1p120f

#endif
