// SPDX-License-Identifier: Apache-2.0
// Distances between float32 vectors, computed by the best instructions that this processor has.
//
// Smaller is nearer. Vectors need no alignment; a dimension is 1 to 16,384; elements are finite.
// Sums are kept in float32 (in float64 by the scalar kernels, which are the definition), one
// accumulator a lane, and summed in the same order whatever the shape: a scan and a block of one
// instruction set give the same bits for the same pair. A result is never NaN:
//
// - Cosine distances are clamped to 0...2. Rows whose squared norm is outside 2^-100...2^120 are
//   computed again by the definition, so the length of a row does not matter; a row of zeros is
//   at distance 1.
// - Squared Euclidean distances above 3.4e38 are +infinity, and below 1e-38 they lose digits.
// - Dot products that leave the range of float32 on the way are computed again by the definition,
//   so only those that are out of range themselves are infinite; below 1e-38 they lose digits.
#ifndef LODE_VECTOR_KERNELS_H
#define LODE_VECTOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The instruction sets that have kernels.
typedef enum lode_isa {
    LODE_ISA_SCALAR = 0,
    LODE_ISA_NEON = 1,
    LODE_ISA_AVX2 = 2,
    LODE_ISA_AVX512 = 3,
} lode_isa;

/// Queries of one block.
#define LODE_BLOCK_QUERIES 4

/// Distances of one query to `count` rows, `stride` floats apart, written to `distances`.
///
/// `query_norm` is the length of the query, within 2^-40...2^40 (scale the query by a power of two
/// to get there: cosine does not change); only cosine reads it.
typedef void lode_scan(
    const float *query, float query_norm, const float *rows, size_t stride, size_t count,
    size_t dimension, float *distances);

/// Distances of LODE_BLOCK_QUERIES queries, which lie one after the other, to `count` rows.
///
/// The distance of query q to row r is written to distances[q * distance_stride + r].
/// `query_norms` has one norm a query, as for a scan; `inverse_norms` is what the kernel of that
/// name wrote for these rows. Only cosine reads either.
typedef void lode_scan_block(
    const float *queries, const float *query_norms, const float *rows, size_t stride, size_t count,
    size_t dimension, const float *inverse_norms, float *distances, size_t distance_stride);

/// 1 / |x| of each row, or 0 where the norm is outside the range that float32 sums cover.
typedef void lode_inverse_norms(
    const float *rows, size_t stride, size_t count, size_t dimension, float *inverse_norms);

/// The first index within from..<count whose distance is at most `bound`, or `count`.
typedef size_t lode_first_within(const float *distances, size_t from, size_t count, float bound);

/// The kernels of one instruction set. Constant and always there.
typedef struct lode_kernels {
    lode_isa isa;
    /// 1 - q.x / (|q| |x|); rows and queries as they are, not normalized.
    lode_scan *cosine;
    /// |q - x|^2
    lode_scan *squared_euclidean;
    /// -q.x
    lode_scan *negative_dot;
    lode_scan_block *cosine_block;
    lode_scan_block *squared_euclidean_block;
    lode_scan_block *negative_dot_block;
    lode_inverse_norms *inverse_norms;
    lode_first_within *first_within;
} lode_kernels;

/// The kernels of `isa`, or NULL if this processor, or this build, does not have it.
const lode_kernels *_Nullable lode_kernels_for(lode_isa isa);

/// The fastest kernels that this processor has. Chosen at the first call; any thread may call it.
const lode_kernels *lode_kernels_best(void);

#pragma clang assume_nonnull end

#endif
