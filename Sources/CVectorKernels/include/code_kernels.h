// SPDX-License-Identifier: Apache-2.0
// Distances between vectors of small codes, which guide the search of a graph.
//
// A record is a vector p quantized to one byte (or half of one) per element, p = s * c. Its codes
// lie in one array. Its tail, which begins with the step s of the codes, lies in another. So codes
// of 64 elements are whole cache lines, and tails stay in the cache. The stored codes are unsigned,
// c + 128 (or c + 8), and those of a query are signed, so that the instructions for unsigned times
// signed bytes apply. With dot(u, q) = c.q + 128 sum(q), and base = 128 sum(q),
//
//     value  =  A * t  +  B * s * (dot(u, q) - base)  +  C
//
// where s and t belong to the record, and A, B and C to the query. With t = |p|^2 and (A, B, C) =
// (1, -2 s_q, |q|^2) the value is the squared distance. With t = p.m and (A, B, C) = (-1, -s_q,
// -t_q) it is the negative inner product of p + m and q + m, but for |m|^2. With float32 records s
// is 1, and c.q is a product of floats.
//
// Keys are 32 bits that sort like the values. For codes all kernels give the same keys: sums of
// codes are integers, and two fused multiplications and additions make a value of them.
#ifndef LODE_CODE_KERNELS_H
#define LODE_CODE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The number of bytes after the last codes that kernels may read, whatever their content.
#define LODE_CODE_MARGIN 64

/// The address and the layout of records.
typedef struct lode_codes {
    const uint8_t *codes;
    /// Bytes from one record's codes to the next.
    size_t stride;
    /// The tails; each begins with the step of the codes.
    const float *tails;
    /// Floats from one tail to the next.
    size_t tail_stride;
    /// The offset of the value's term in a tail, in floats.
    size_t term_offset;
    /// Bytes of a query, a multiple of 64. Bytes after a record's codes are multiplied by zeros.
    size_t query_bytes;
} lode_codes;

/// A query, with which records are compared.
typedef struct lode_query {
    /// The query's codes: `query_bytes` bytes, aligned to 64.
    const void *codes;
    /// The number to subtract from a sum of products, because stored codes are unsigned.
    int32_t base;
    /// A: the factor of the record's term.
    float term_factor;
    /// B: the factor of the step of the record's codes times the product of both.
    float scale_factor;
    /// C: the constant of the value.
    float constant;
} lode_query;

/// Writes the keys of the records `ids` for one query to `keys`.
typedef void lode_code_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys);

/// The address and the layout of sign codes: one bit per element of a record, set where the element
/// is not negative (RaBitQ: Gao & Long, arXiv:2405.12497).
//
// A sign code is its bits, `bit_bytes` bytes, and three floats: the term t of the record, a factor
// f and an error e. With sign(p) as +1 and -1, the product of p and q is about f * sign(p).q, where
// f = |p|^2 / (sum of |p_i|). For a q of random direction, the standard deviation of this estimate
// is e * |q|, where e^2 = |p|^2 * (1 / cos^2 - 1) / (elements - 1), and cos is that of the angle
// between p and sign(p).
typedef struct lode_signs {
    const uint8_t *codes;
    /// Bytes from one sign code to the next.
    size_t stride;
    /// Bytes of bits, a multiple of 8: a bit per byte of the query.
    size_t bit_bytes;
} lode_signs;

/// Floats behind the bits of a sign code.
#define LODE_SIGN_FLOATS 3

/// Keeps the records whose value is probably at most `bound`, in their order, and returns their
/// number.
///
/// A record is left out if its estimated value is more than `margin` times its error above `bound`.
/// `query` is one for int8 codes.
typedef size_t lode_keep_near(
    lode_signs signs, lode_query query, float margin, float bound, uint32_t *ids, size_t count);

/// Makes the sign code of an int8 record from its codes, step and term.
void lode_make_sign_code(
    const uint8_t *code, size_t elements, float step, float term, size_t bit_bytes,
    uint8_t *sign_code);

/// Rounds each of `count` products x * inverse_scale to -127...127, and writes it plus 128.
typedef void lode_quantize(const float *x, size_t count, float inverse_scale, uint8_t *codes);

/// The largest magnitude among `count` elements.
typedef float lode_peak(const float *x, size_t count);

/// Makes a query of a record: its `elements` as signed bytes, with zeros up to `padded`, a multiple
/// of 64.
///
/// Returns the sum of the elements, and writes the sum of their squares.
typedef int32_t lode_make_signed(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares);

/// The angles between one record and others. 1 - the cosine is
///
///     base + (value - (length - lengths[i])^2 + shift) * factor * factors[i]
///
/// or 1 where the product of both factors is 0: a record without a direction is equally far from
/// all.
typedef struct lode_angles {
    float base;
    float shift;
    /// Length and factor of the one record.
    float length;
    float factor;
    /// Lengths and factors of the other records.
    const float *lengths;
    const float *factors;
} lode_angles;

/// Whether 1 - the cosine is below `limit` for one of `count` records, 8 at most, by their keys.
///
/// Eight keys, lengths and factors must be readable, whatever `count`.
typedef int lode_any_nearer(const uint32_t *keys, size_t count, lode_angles angles, float limit);

/// Rounds of a rotation.
#define LODE_ROTATION_ROUNDS 4

/// Rotates a vector in place, in LODE_ROTATION_ROUNDS rounds.
///
/// A round multiplies each element by its factor, with `count` factors per round. Then it applies a
/// Walsh-Hadamard transform, without its scale, to `width` elements, a power of two: the first and
/// the last by turns.
typedef void lode_rotate(float *x, size_t count, size_t width, const float *factors);

/// The kernels over codes of one instruction set, in a constant table.
typedef struct lode_code_kernels {
    /// One byte per element; queries are int8.
    lode_code_keys *int8_keys;
    /// Half a byte per element. In each 32 bytes, which have 64 elements, the low half of byte i is
    /// element i, and the high half is element i + 32. Queries are int8, with the elements in their
    /// order.
    lode_code_keys *int4_keys;
    /// Four bytes per element.
    lode_code_keys *float_keys;
    /// Four bytes per element. The value is the squared distance, whatever the query's factors:
    /// sums of squared differences keep the digits that the formula above loses.
    lode_code_keys *difference_keys;
    lode_keep_near *keep_near;
    lode_quantize *quantize;
    lode_peak *peak;
    /// Makes queries of int8 codes.
    lode_make_signed *sign_int8;
    /// Makes queries of int4 codes, in sixteenths of their step.
    lode_make_signed *sign_int4;
    lode_rotate *rotate;
    lode_any_nearer *any_nearer;
} lode_code_kernels;

/// The kernels for `isa` of CVectorKernels.h, or NULL if this processor, or this build, has none.
const lode_code_kernels *_Nullable lode_code_kernels_for(int isa);

/// The fastest kernels over codes that this processor has.
const lode_code_kernels *lode_code_kernels_best(void);

/// Locks a byte that is 0 when free; spins, which suits locks held for less than 1 us.
static inline void lode_lock(uint8_t *lock) {
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(lock, __ATOMIC_RELAXED)) {
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    }
}

/// Unlocks a byte that `lode_lock` locked.
static inline void lode_unlock(uint8_t *lock) { __atomic_store_n(lock, 0, __ATOMIC_RELEASE); }

#pragma clang assume_nonnull end

#endif
