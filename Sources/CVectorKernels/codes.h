// SPDX-License-Identifier: Apache-2.0
// What the files of the kernels over codes share.
#ifndef LODE_CODES_H
#define LODE_CODES_H

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

static inline uint32_t lode_key(int32_t base, int32_t norm, int32_t dot) {
    int32_t key = base + norm - 2 * dot;
    return key < 0 ? 0 : (uint32_t)key;
}

#endif
