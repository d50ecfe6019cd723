// SPDX-License-Identifier: Apache-2.0
// Kernels over codes with AVX2. Its product of unsigned and signed bytes saturates, so bytes are
// widened to 16 bits first.
#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "codes.h"

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET

INLINE int32_t sum(__m256i v) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return _mm_cvtsi128_si32(half);
}

INLINE int32_t norm(lode_codes codes, const uint8_t *record) {
    int32_t norm = 0;
    if (codes.norm_offset) memcpy(&norm, record + codes.norm_offset, sizeof norm);
    return norm;
}

// Adds the products of 32 unsigned and 32 signed bytes.
INLINE __m256i add_products(__m256i sums, __m256i u, __m256i s) {
    __m256i low = _mm256_madd_epi16(
        _mm256_cvtepu8_epi16(_mm256_castsi256_si128(u)),
        _mm256_cvtepi8_epi16(_mm256_castsi256_si128(s)));
    __m256i high = _mm256_madd_epi16(
        _mm256_cvtepu8_epi16(_mm256_extracti128_si256(u, 1)),
        _mm256_cvtepi8_epi16(_mm256_extracti128_si256(s, 1)));
    return _mm256_add_epi32(sums, _mm256_add_epi32(low, high));
}

TARGET static void int8_keys(
    lode_codes codes, const void *query, int32_t base, const uint32_t *ids, size_t count,
    uint32_t *keys) {
    const __m256i *q = query;
    size_t steps = codes.query_bytes / 32;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = codes.records + (size_t)ids[r] * codes.stride;
        const __m256i *x = (const __m256i *)record;
        __m256i sums = _mm256_setzero_si256(), others = sums;
        for (size_t i = 0; i < steps; i += 2) {
            sums = add_products(sums, x[i], q[i]);
            others = add_products(others, x[i + 1], q[i + 1]);
        }
        keys[r] = lode_key(base, norm(codes, record), sum(_mm256_add_epi32(sums, others)));
    }
}

TARGET static void int4_keys(
    lode_codes codes, const void *query, int32_t base, const uint32_t *ids, size_t count,
    uint32_t *keys) {
    const __m256i *q = query;
    size_t steps = codes.query_bytes / 64;
    __m256i low = _mm256_set1_epi8(15);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = codes.records + (size_t)ids[r] * codes.stride;
        const __m256i *x = (const __m256i *)record;
        __m256i sums = _mm256_setzero_si256();
        for (size_t i = 0; i < steps; i++) {
            // At most 15 * 128 * 2: half bytes don't saturate.
            __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(x[i], low), q[2 * i]);
            __m256i b = _mm256_maddubs_epi16(
                _mm256_and_si256(_mm256_srli_epi16(x[i], 4), low), q[2 * i + 1]);
            sums = _mm256_add_epi32(
                sums, _mm256_madd_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(1)));
        }
        keys[r] = lode_key(base, norm(codes, record), sum(sums));
    }
}

TARGET static void float_keys(
    lode_codes codes, const void *query, int32_t base, const uint32_t *ids, size_t count,
    uint32_t *keys) {
    (void)base;
    const float *q = query;
    size_t elements = codes.query_bytes / sizeof(float);
    for (size_t r = 0; r < count; r++) {
        const float *row = (const float *)(codes.records + (size_t)ids[r] * codes.stride);
        __m256 sums = _mm256_setzero_ps(), others = sums;
        for (size_t i = 0; i < elements; i += 16) {
            __m256 d = _mm256_sub_ps(_mm256_load_ps(row + i), _mm256_load_ps(q + i));
            __m256 e = _mm256_sub_ps(_mm256_load_ps(row + i + 8), _mm256_load_ps(q + i + 8));
            sums = _mm256_fmadd_ps(d, d, sums);
            others = _mm256_fmadd_ps(e, e, others);
        }
        sums = _mm256_add_ps(sums, others);
        __m128 half = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
        half = _mm_add_ps(half, _mm_movehl_ps(half, half));
        half = _mm_add_ss(half, _mm_movehdup_ps(half));
        float total = _mm_cvtss_f32(half);
        memcpy(&keys[r], &total, sizeof total);
    }
}

TARGET static void quantize(
    const float *x, size_t count, float center, float inverse_scale, uint8_t *codes) {
    __m256 centers = _mm256_set1_ps(center), scales = _mm256_set1_ps(inverse_scale);
    for (size_t i = 0; i < count; i += 8) {
        float values[8] = {0};
        size_t width = count - i < 8 ? count - i : 8;
        memcpy(values, x + i, width * sizeof(float));
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(values), centers), scales);
        v = _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(-127)), _mm256_set1_ps(127));
        int32_t numbers[8];
        _mm256_storeu_si256((__m256i *)numbers, _mm256_cvtps_epi32(v));
        for (size_t j = 0; j < width; j++) codes[i + j] = (uint8_t)(numbers[j] + 128);
    }
}

const lode_code_kernels lode_avx2_code_kernels = {
    .int8_keys = int8_keys,
    .int4_keys = int4_keys,
    .float_keys = float_keys,
    .quantize = quantize,
    .sign_int8 = lode_sign_int8,
    .sign_int4 = lode_sign_int4,
};

#endif
