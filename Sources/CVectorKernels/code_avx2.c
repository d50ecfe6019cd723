// SPDX-License-Identifier: Apache-2.0
// Kernels over codes with AVX2.
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

// Computes what the definition `lode_key` does, by instructions in place of calls of `fmaf`.
INLINE uint32_t key(lode_codes codes, lode_query query, const float *tail, float product) {
    __m128 scale = _mm_set_ss(query.scale_factor * tail[0]);
    __m128 rest = _mm_fmadd_ss(
        _mm_set_ss(query.term_factor), _mm_set_ss(tail[codes.term_offset]),
        _mm_set_ss(query.constant));
    return lode_ordered(_mm_cvtss_f32(_mm_fmadd_ss(scale, _mm_set_ss(product), rest)));
}

// Adds the products of 32 stored codes, c + 128, as c, and 32 codes of a query.
//
// The instruction multiplies unsigned and signed bytes, so the sign of c moves to the query. A sum
// of two products is at most 2 * 128 * 127, which doesn't saturate.
INLINE __m256i add_products(__m256i sums, __m256i stored, __m256i query) {
    __m256i codes = _mm256_xor_si256(stored, _mm256_set1_epi8((char)0x80));
    __m256i pairs =
        _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(query, codes));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

TARGET static void int8_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const __m256i *q = query.codes;
    size_t steps = codes.query_bytes / 32;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = lode_codes_of(codes, ids[r]);
        const __m256i *x = (const __m256i *)record;
        __m256i sums = _mm256_setzero_si256(), others = sums;
        for (size_t i = 0; i < steps; i += 2) {
            sums = add_products(sums, _mm256_loadu_si256(x + i), q[i]);
            others = add_products(others, _mm256_loadu_si256(x + i + 1), q[i + 1]);
        }
        // The products are those of c, so nothing is subtracted from their sum.
        int32_t product = sum(_mm256_add_epi32(sums, others));
        keys[r] = key(codes, query, lode_tail_of(codes, ids[r]), (float)product);
    }
}

TARGET static void int4_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const __m256i *q = query.codes;
    size_t steps = codes.query_bytes / 64;
    __m256i low = _mm256_set1_epi8(15);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = lode_codes_of(codes, ids[r]);
        __m256i sums = _mm256_setzero_si256();
        for (size_t i = 0; i < steps; i++) {
            __m256i x = _mm256_loadu_si256((const __m256i *)record + i);
            // A sum is at most 15 * 128 * 2, so half bytes don't saturate.
            __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(x, low), q[2 * i]);
            __m256i b = _mm256_maddubs_epi16(
                _mm256_and_si256(_mm256_srli_epi16(x, 4), low), q[2 * i + 1]);
            sums = _mm256_add_epi32(
                sums, _mm256_madd_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(1)));
        }
        keys[r] = key(codes, query, lode_tail_of(codes, ids[r]), (float)(sum(sums) - query.base));
    }
}

INLINE float sum_floats(__m256 sums) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

TARGET static void float_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const float *q = query.codes;
    size_t elements = codes.query_bytes / sizeof(float);
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = lode_codes_of(codes, ids[r]);
        const float *row = (const float *)record;
        __m256 sums = _mm256_setzero_ps(), others = sums;
        for (size_t i = 0; i < elements; i += 16) {
            sums = _mm256_fmadd_ps(_mm256_loadu_ps(row + i), _mm256_load_ps(q + i), sums);
            others =
                _mm256_fmadd_ps(_mm256_loadu_ps(row + i + 8), _mm256_load_ps(q + i + 8), others);
        }
        float sum = sum_floats(_mm256_add_ps(sums, others));
        keys[r] = key(codes, query, lode_tail_of(codes, ids[r]), sum);
    }
}

TARGET static void difference_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const float *q = query.codes;
    size_t elements = codes.query_bytes / sizeof(float);
    for (size_t r = 0; r < count; r++) {
        const float *row = (const float *)lode_codes_of(codes, ids[r]);
        __m256 sums = _mm256_setzero_ps(), others = sums;
        for (size_t i = 0; i < elements; i += 16) {
            __m256 d = _mm256_sub_ps(_mm256_loadu_ps(row + i), _mm256_load_ps(q + i));
            __m256 e = _mm256_sub_ps(_mm256_loadu_ps(row + i + 8), _mm256_load_ps(q + i + 8));
            sums = _mm256_fmadd_ps(d, d, sums);
            others = _mm256_fmadd_ps(e, e, others);
        }
        keys[r] = lode_ordered(sum_floats(_mm256_add_ps(sums, others)));
    }
}

// A byte of ones for each of 32 bits that is set.
INLINE __m256i bytes_of(uint32_t bits) {
    __m256i places = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    __m256i spread = _mm256_shuffle_epi8(
        _mm256_set1_epi32((int)bits),
        _mm256_setr_epi64x(
            0, 0x0101010101010101ll, 0x0202020202020202ll, 0x0303030303030303ll));
    return _mm256_cmpeq_epi8(_mm256_and_si256(spread, places), places);
}

TARGET static size_t keep_near(
    lode_signs signs, lode_query query, float margin, float bound, uint32_t *ids, size_t count) {
    const __m256i *q = query.codes;
    __m256i ones = _mm256_set1_epi8(1), pairs = _mm256_set1_epi16(1);
    size_t kept = 0;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *code = signs.codes + (size_t)ids[r] * signs.stride;
        __m256i sums = _mm256_setzero_si256();
        for (size_t i = 0; i < signs.bit_bytes; i += 4) {
            uint32_t bits;
            memcpy(&bits, code + i, sizeof bits);
            // Sums of two signed bytes don't saturate.
            __m256i x = _mm256_maddubs_epi16(ones, _mm256_and_si256(bytes_of(bits), q[i / 4]));
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(x, pairs));
        }
        float floats[LODE_SIGN_FLOATS];
        memcpy(floats, code + signs.bit_bytes, sizeof floats);
        ids[kept] = ids[r];
        kept += lode_least_value(query, margin, sum(sums), floats) > bound ? 0 : 1;
    }
    return kept;
}

TARGET static void quantize(const float *x, size_t count, float inverse_scale, uint8_t *codes) {
    __m256 scales = _mm256_set1_ps(inverse_scale);
    for (size_t i = 0; i < count; i += 8) {
        float values[8] = {0};
        size_t width = count - i < 8 ? count - i : 8;
        memcpy(values, x + i, width * sizeof(float));
        __m256 v = _mm256_mul_ps(_mm256_loadu_ps(values), scales);
        v = _mm256_min_ps(_mm256_max_ps(v, _mm256_set1_ps(-127)), _mm256_set1_ps(127));
        int32_t numbers[8];
        _mm256_storeu_si256((__m256i *)numbers, _mm256_cvtps_epi32(v));
        for (size_t j = 0; j < width; j++) codes[i + j] = (uint8_t)(numbers[j] + 128);
    }
}

TARGET static float peak(const float *x, size_t count) {
    __m256 peaks = _mm256_setzero_ps(), signs = _mm256_set1_ps(-0.0f);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        peaks = _mm256_max_ps(peaks, _mm256_andnot_ps(signs, _mm256_loadu_ps(x + i)));
    }
    float values[8];
    _mm256_storeu_ps(values, peaks);
    float peak = 0;
    for (size_t j = 0; j < 8; j++) peak = fmaxf(peak, values[j]);
    for (; i < count; i++) peak = fmaxf(peak, fabsf(x[i]));
    return peak;
}

#include "angles.h"
#include "rotation.h"

const lode_code_kernels lode_avx2_code_kernels = {
    .int8_keys = int8_keys,
    .int4_keys = int4_keys,
    .float_keys = float_keys,
    .difference_keys = difference_keys,
    .keep_near = keep_near,
    .quantize = quantize,
    .peak = peak,
    .sign_int8 = lode_sign_int8,
    .sign_int4 = lode_sign_int4,
    .rotate = rotate,
    .any_nearer = any_nearer,
};

#endif
