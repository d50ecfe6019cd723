// SPDX-License-Identifier: Apache-2.0
// Squared Euclidean distances between vectors of small codes: what a graph is walked over.
//
// A code is a vector quantized to one byte (or half of one) an element, `stride` bytes apart from
// the next. Stored codes are unsigned, q + 128 (or q + 8), queries signed, so that the instructions
// for unsigned times signed bytes apply. With dot(u, q) = x.q + 128 sum(q), and where all rows are
// of one length,
//
//     |x - q|^2  =  |x|^2 + |q|^2 - 2 x.q  =  base + norm - 2 dot(u, q)
//
// where `base` is the query's own and `norm` either the row's, an int32 at `norm_offset` of its
// record, or part of `base`. Keys are integers and sort like the distances; all kernels give the
// same ones. With float32 rows a key is the bit pattern of the distance, which sorts like it.
#ifndef LODE_CODE_KERNELS_H
#define LODE_CODE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Where the records of codes lie, and how they look.
typedef struct lode_codes {
    const uint8_t *records;
    /// Bytes from one record to the next, a multiple of 64.
    size_t stride;
    /// Bytes of a query, a multiple of 64; the rest of a record's last 64 stands against zeros.
    size_t query_bytes;
    /// Where in a record its norm lies; 0: it has none.
    size_t norm_offset;
} lode_codes;

/// Keys of one query to the rows `ids`, written to `keys`; below zero becomes zero.
///
/// `query` has `query_bytes` bytes, aligned to 64.
typedef void lode_code_keys(
    lode_codes codes, const void *query, int32_t base, const uint32_t *ids, size_t count,
    uint32_t *keys);

/// Rounds (x - center) * inverse_scale to -127...127 and writes it plus 128, for `count` elements.
typedef void lode_quantize(
    const float *x, size_t count, float center, float inverse_scale, uint8_t *codes);

/// Makes a query of a row's code: its `elements` as signed bytes, zeros up to `padded`, a multiple
/// of 64.
///
/// Returns the sum of the elements, and writes the sum of their squares.
typedef int32_t lode_make_signed(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares);

/// The kernels over codes of one instruction set. Constant and always there.
typedef struct lode_code_kernels {
    /// One byte an element; queries are int8.
    lode_code_keys *int8_keys;
    /// Half a byte an element: of byte i of 32, the low half is element i, the high one element
    /// i + 32, both of 64; queries are int8, 64 elements after the other.
    lode_code_keys *int4_keys;
    /// Four bytes an element; `base` is not used.
    lode_code_keys *float_keys;
    lode_quantize *quantize;
    /// Of int8 codes.
    lode_make_signed *sign_int8;
    /// Of int4 codes, in sixteenths of their step.
    lode_make_signed *sign_int4;
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
