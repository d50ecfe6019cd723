// SPDX-License-Identifier: Apache-2.0
// Distances between vectors of small codes: what a graph is walked over.
//
// A record is a vector p quantized to one byte (or half of one) per element, p = s * c. Its codes lie
// in one array, its tail, which begins with the step s of the codes, in another: codes of 64 elements
// are whole cache lines then, and tails stay in the cache. Stored codes are
// unsigned, c + 128 (or c + 8), those of a query signed, so that the instructions for unsigned times
// signed bytes apply: with dot(u, q) = c.q + 128 sum(q), and base = 128 sum(q),
//
//     value  =  A * t  +  B * s * (dot(u, q) - base)  +  C
//
// where s and t are the record's own, and A, B and C the query's. With t = |p|^2 and (1, -2 s_q,
// |q|^2) that is the squared distance; with t = p.m and (-1, -s_q, -t_q) the negative inner product of
// p + m and q + m, but for |m|^2. With float32 records s is 1, and c.q a product of floats.
//
// Keys are 32 bits that sort like the values. Of codes all kernels give the same ones: sums of codes
// are integers, and what is done with them is two fused multiplications and additions.
#ifndef LODE_CODE_KERNELS_H
#define LODE_CODE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Bytes after the last codes that kernels may read; what they hold does not matter.
#define LODE_CODE_MARGIN 64

/// Where records lie, and how they look.
typedef struct lode_codes {
    const uint8_t *codes;
    /// Bytes from one record's codes to the next.
    size_t stride;
    /// The tails; each begins with the step of the codes.
    const float *tails;
    /// Floats from one tail to the next.
    size_t tail_stride;
    /// Where in a tail the term of the value lies, in floats.
    size_t term_place;
    /// Bytes of a query, a multiple of 64; what lies behind a record's codes stands against zeros.
    size_t query_bytes;
} lode_codes;

/// What records are compared with.
typedef struct lode_query {
    /// `query_bytes` bytes, aligned to 64.
    const void *codes;
    /// What is to be taken from a sum of products, as stored codes are unsigned.
    int32_t base;
    /// A: times the record's term.
    float term_factor;
    /// B: times the step of the record's codes and the product of both.
    float scale_factor;
    /// C.
    float constant;
} lode_query;

/// Keys of one query to the records `ids`, written to `keys`.
typedef void lode_code_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys);

/// Rounds x * inverse_scale to -127...127 and writes it plus 128, for `count` elements.
typedef void lode_quantize(const float *x, size_t count, float inverse_scale, uint8_t *codes);

/// The largest magnitude among `count` elements.
typedef float lode_peak(const float *x, size_t count);

/// Makes a query of a record: its `elements` as signed bytes, zeros up to `padded`, a multiple of 64.
///
/// Returns the sum of the elements, and writes the sum of their squares.
typedef int32_t lode_make_signed(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares);

/// The angles between one record and others. 1 - the cosine is
///
///     base + (value - (length - lengths[i])^2 + shift) * factor * factors[i]
///
/// or 1 where both factors make 0: what has no direction is equally far from all.
typedef struct lode_angles {
    float base;
    float shift;
    /// Of the one.
    float length;
    float factor;
    /// Of the others.
    const float *lengths;
    const float *factors;
} lode_angles;

/// Whether 1 - the cosine is below `limit` for one of `count` records, 8 at most, by their keys.
///
/// Eight keys, lengths and factors can be read.
typedef int lode_any_nearer(const uint32_t *keys, size_t count, lode_angles angles, float limit);

/// Rounds of a rotation.
#define LODE_ROTATION_ROUNDS 4

/// Rotates a vector in place: LODE_ROTATION_ROUNDS times each element is multiplied by its factor,
/// of `count` a round, and a Walsh-Hadamard transform, without its scale, is applied to `width` of
/// them, a power of two: by turns the first and the last.
typedef void lode_rotate(float *x, size_t count, size_t width, const float *factors);

/// The kernels over codes of one instruction set. Constant and always there.
typedef struct lode_code_kernels {
    /// One byte an element; queries are int8.
    lode_code_keys *int8_keys;
    /// Half a byte an element: of byte i of 32, the low half is element i, the high one element
    /// i + 32, both of 64; queries are int8, 64 elements after the other.
    lode_code_keys *int4_keys;
    /// Four bytes an element.
    lode_code_keys *float_keys;
    /// Four bytes an element: the value is the squared distance, whatever the query's factors. Sums
    /// of squared differences keep the digits that the formula above loses.
    lode_code_keys *difference_keys;
    lode_quantize *quantize;
    lode_peak *peak;
    /// Of int8 codes.
    lode_make_signed *sign_int8;
    /// Of int4 codes, in sixteenths of their step.
    lode_make_signed *sign_int4;
    lode_rotate *rotate;
    lode_any_nearer *any_nearer;
} lode_code_kernels;

/// The kernels for `isa` of CVectorKernels.h, or NULL if this processor, or this build, has none.
const lode_code_kernels *_Nullable lode_code_kernels_for(int isa);

/// The fastest that this processor has.
const lode_code_kernels *lode_code_kernels_best(void);

/// Locks a byte that is 0 when free; waits busily, which suits locks held for less than 1 us.
static inline void lode_lock(uint8_t *lock) {
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED)) {
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    }
}

/// Unlocks it.
static inline void lode_unlock(uint8_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

#pragma clang assume_nonnull end

#endif
