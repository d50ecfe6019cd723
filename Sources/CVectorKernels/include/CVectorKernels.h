// SPDX-License-Identifier: Apache-2.0
// Distances between float32 vectors, computed by the best instructions that this processor has.
//
// Smaller is nearer. Vectors need no alignment; a dimension is 1 to 16,384; elements are finite.
// Sums are kept in float32, with one accumulator per lane. (The scalar kernels, which are the
// definition, keep them in float64.) Sums are added up in the same order whatever the shape, so a
// scan and a block of one instruction set give the same bits for the same pair. A prefilter of many
// queries adds up in another order. It returns no distances, but the pairs that are worth a scan. A
// distance is never NaN:
//
// - Cosine distances are clamped to 0...2. Rows whose squared norm is outside 2^-100...2^120 are
//   computed again by the definition, so the length of a row does not matter; a row of zeros is
//   at distance 1.
// - Squared Euclidean distances above 3.4e38 are +infinity; those below 1e-38 lose digits.
// - A dot product whose sums leave the range of float32 is computed again by the definition, so it
//   is infinite only if it is out of range itself. Dot products below 1e-38 lose digits.
#ifndef LODE_VECTOR_KERNELS_H
#define LODE_VECTOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "code_kernels.h"

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

/// The squared norms of rows for which float32 sums cover a cosine lie between these.
//
// Between them no sum overflows, and no product that underflows matters: |q.x| is at most 2^40 *
// 2^60, and 16,384 products of less than 2^-126 are nothing compared with 2^-50 * 2^-40.
#define LODE_MIN_SQUARED_NORM 7.888609052210118e-31f /* 2^-100 */
#define LODE_MAX_SQUARED_NORM 1.329227995784916e+36f /* 2^120 */

/// Writes the distances of one query to `count` rows, `stride` floats apart, to `distances`.
///
/// `query_norm` is the length of the query, within 2^-40...2^40 (scale the query by a power of two
/// to get there: cosine does not change); only cosine reads it.
typedef void lode_scan(
    const float *query, float query_norm, const float *rows, size_t stride, size_t count,
    size_t dimension, float *distances);

/// Writes the distances of LODE_BLOCK_QUERIES adjacent queries to `count` rows.
///
/// The distance of query q to row r is written to distances[q * distance_stride + r]. `query_norms`
/// has one norm per query, as for a scan. `inverse_norms` has 1 / |x| of each row by its
/// squared_norms, or 0 where that is outside the range above. Only cosine reads either.
typedef void lode_scan_block(
    const float *queries, const float *query_norms, const float *rows, size_t stride, size_t count,
    size_t dimension, const float *inverse_norms, float *distances, size_t distance_stride);

/// Finds the pairs of a panel's queries and `count` rows that are within the limits of the queries.
///
/// A panel is transposed: element i of query q is panel[i * width + q]. Its width is a multiple of
/// the table's panel_step, at most panel_width. Unused queries may have any finite elements.
///
/// A prefilter of products gives a pair the sum of its products, times scales[r]. A prefilter of
/// differences gives it the sum of their squares, and does not read `scales`. This value is
/// float32, with one rounding per element of the sum. Relative to the sum of the magnitudes, its
/// error is less than (dimension + 1) * 2^-24. Bit q of masks[r] says that the value is not greater
/// than limits[q], which holds for NaN, too.
typedef void lode_prefilter(
    const float *panel, size_t width, const float *rows, size_t stride, size_t count,
    size_t dimension, const float *scales, const float *limits, uint64_t *masks);

/// Computes |x|^2 of each row, which is infinite above 3.4e38 and inexact below 1e-38.
typedef void lode_squared_norms(
    const float *rows, size_t stride, size_t count, size_t dimension, float *squared_norms);

/// The first index within from..<count whose distance is at most `bound`, or `count`.
typedef size_t lode_first_within(const float *distances, size_t from, size_t count, float bound);

/// The most bits of a hash signature.
#define LODE_SIGNATURE_BITS 32

/// Computes the costs of rows' signatures: the sum of the weights of the bits that are set.
///
/// Row p has one signature per table, signatures[p * tables + t], of `hyperplanes` bits, at most
/// LODE_SIGNATURE_BITS. The weight of bit b is weights[t * LODE_SIGNATURE_BITS + b]; the weights
/// from `hyperplanes` on are zero. The cost of row slots[i] is written to costs[i].
typedef void lode_signature_costs(
    const float *weights, size_t tables, size_t hyperplanes, const uint32_t *signatures,
    const uint32_t *slots, size_t count, float *costs);

/// The kernels of one instruction set, in a constant table.
typedef struct lode_kernels {
    lode_isa isa;
    /// The widths of panels: multiples of the step up to the width, which is at most 64.
    size_t panel_step;
    size_t panel_width;
    /// 1 - q.x / (|q| |x|); rows and queries need not be normalized.
    lode_scan *cosine;
    /// |q - x|^2
    lode_scan *squared_euclidean;
    /// -q.x
    lode_scan *negative_dot;
    lode_scan_block *cosine_block;
    lode_scan_block *squared_euclidean_block;
    lode_scan_block *negative_dot_block;
    lode_prefilter *prefilter_products;
    lode_prefilter *prefilter_differences;
    lode_squared_norms *squared_norms;
    lode_first_within *first_within;
    lode_signature_costs *signature_costs;
} lode_kernels;

/// The kernels of `isa`, or NULL if this processor, or this build, does not have it.
const lode_kernels *_Nullable lode_kernels_for(lode_isa isa);

/// The fastest kernels that this processor has. Chosen at the first call; any thread may call it.
const lode_kernels *lode_kernels_best(void);

/// Limits `lode_kernels_best` and `lode_code_kernels_best` to instructions no newer than these, so
/// that a measurement stands for an older processor. It must be called before these two.
void lode_limit_isa(lode_isa most);

#pragma clang assume_nonnull end

#endif
