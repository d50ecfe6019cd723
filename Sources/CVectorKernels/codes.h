// SPDX-License-Identifier: Apache-2.0
// Declarations that the files of the kernels over codes share.
#ifndef LODE_CODES_H
#define LODE_CODES_H

#include <math.h>
#include <string.h>

#include "code_kernels.h"

#if defined(__x86_64__)
extern const lode_code_kernels lode_avx2_code_kernels;
extern const lode_code_kernels lode_avx512_code_kernels;
#endif

// The definitions, which AVX2 uses too.
int32_t lode_sign_int8(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares);
int32_t lode_sign_int4(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares);
void lode_rotate_scalar(float *x, size_t count, size_t width, const float *factors);

static inline const uint8_t *lode_codes_of(lode_codes codes, uint32_t id) {
    return codes.codes + (size_t)id * codes.stride;
}

static inline const float *lode_tail_of(lode_codes codes, uint32_t id) {
    return codes.tails + (size_t)id * codes.tail_stride;
}

// The sum of the elements of an int8 query.
static inline int32_t lode_sum(lode_query query) { return query.base / 128; }

// The least value of a record by its sign code: `positive` is the sum of the query's elements where
// the record's are not negative.
//
// One operation per statement, so that no compiler fuses two: then all kernels keep the same
// records.
static inline float lode_least_value(
    lode_query query, float margin, int32_t positive, const float *floats) {
    float value = query.term_factor * floats[0];
    value += query.constant;
    float product = query.scale_factor * floats[1];
    product *= (float)(2 * positive - lode_sum(query));
    value += product;
    float error = margin * floats[2];
    return value - error;
}

// The bits of a float, changed so that they sort as unsigned integers. All bits of a negative
// number are flipped, and only the sign bit of any other number.
static inline uint32_t lode_ordered(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint32_t)bits ^ ((uint32_t)(bits >> 31) | 0x80000000u);
}

// The float from which `lode_ordered` made a key.
static inline float lode_value(uint32_t key) {
    uint32_t bits = key ^ (key >> 31 ? 0x80000000u : 0xffffffffu);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// The definition of a key.
static inline uint32_t lode_key(
    lode_codes codes, lode_query query, const float *tail, float product) {
    float rest = fmaf(query.term_factor, tail[codes.term_offset], query.constant);
    return lode_ordered(fmaf(query.scale_factor * tail[0], product, rest));
}

#endif
