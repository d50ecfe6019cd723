// SPDX-License-Identifier: Apache-2.0
// Declarations that the files of this target share.
#ifndef LODE_KERNELS_H
#define LODE_KERNELS_H

#include "CVectorKernels.h"

/// The tables of all instruction sets; those of another architecture are not compiled.
extern const lode_kernels lode_scalar_kernels;
#if defined(__x86_64__)
extern const lode_kernels lode_avx2_kernels;
extern const lode_kernels lode_avx512_kernels;
#elif defined(__aarch64__)
extern const lode_kernels lode_neon_kernels;
#endif

/// Whether `lode_limit_isa` lets the `best` functions use an instruction set.
int lode_isa_may_be_used(lode_isa isa);

// The definition of each distance, for one pair.
float lode_define_cosine(const float *query, const float *row, size_t dimension);
float lode_define_squared_euclidean(const float *query, const float *row, size_t dimension);
float lode_define_negative_dot(const float *query, const float *row, size_t dimension);

#endif
