// SPDX-License-Identifier: Apache-2.0
// Kernels over codes with AVX-512 VNNI: 64 products of unsigned and signed bytes per instruction.
#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "codes.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) TARGET

// The sums of four registers, one per lane.
INLINE __m128i sum4(__m512i a, __m512i b, __m512i c, __m512i d) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Four records.
typedef struct records4 {
    const uint8_t *codes[4];
    const float *tails[4];
} records4;

// The first two floats of two tails.
INLINE __m128 load_pairs(const float *one, const float *other) {
    return _mm_loadh_pi(_mm_castpd_ps(_mm_load_sd((const double *)one)), (const __m64 *)other);
}

// The steps and the terms of four tails.
INLINE void load_tails(
    const float *const *tails, size_t term_offset, __m128 *steps, __m128 *terms) {
    __m128 a = load_pairs(tails[0], tails[1]), b = load_pairs(tails[2], tails[3]);
    *steps = _mm_shuffle_ps(a, b, 0x88);
    *terms = _mm_shuffle_ps(a, b, 0xdd);
    if (term_offset != 1) {
        *terms = _mm_setr_ps(
            tails[0][term_offset], tails[1][term_offset], tails[2][term_offset],
            tails[3][term_offset]);
    }
}

INLINE __m128i ordered(__m128 values) {
    __m128i bits = _mm_castps_si128(values);
    return _mm_xor_si128(
        bits, _mm_or_si128(_mm_srai_epi32(bits, 31), _mm_set1_epi32((int)0x80000000)));
}

INLINE void store_keys(
    lode_codes codes, lode_query query, const records4 *rows, __m128 products, size_t width,
    uint32_t *keys) {
    __m128 steps, terms;
    load_tails(rows->tails, codes.term_offset, &steps, &terms);
    __m128 scales = _mm_mul_ps(_mm_set1_ps(query.scale_factor), steps);
    __m128 rest = _mm_fmadd_ps(
        _mm_set1_ps(query.term_factor), terms, _mm_set1_ps(query.constant));
    __m128i found = ordered(_mm_fmadd_ps(scales, products, rest));
    if (width == 4) {
        _mm_storeu_si128((__m128i *)keys, found);
    } else {
        _mm_mask_storeu_epi32(keys, (__mmask8)((1u << width) - 1), found);
    }
}

INLINE __m128 products_of(__m128i dots, lode_query query) {
    return _mm_cvtepi32_ps(_mm_sub_epi32(dots, _mm_set1_epi32(query.base)));
}

// Lanes after the last row repeat the last row.
INLINE records4 find_rows(lode_codes codes, const uint32_t *ids, size_t left) {
    records4 rows;
    for (size_t j = 0; j < 4; j++) {
        uint32_t id = ids[j < left ? j : left - 1];
        rows.codes[j] = lode_codes_of(codes, id);
        rows.tails[j] = lode_tail_of(codes, id);
    }
    return rows;
}

TARGET static void int8_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const __m512i *q = query.codes;
    size_t bytes = codes.query_bytes;
    for (size_t r = 0; r < count; r += 4) {
        size_t left = count - r;
        records4 rows = find_rows(codes, ids + r, left);
        __m512i sa = _mm512_setzero_si512(), sb = sa, sc = sa, sd = sa;
        for (size_t i = 0; i < bytes; i += 64) {
            __m512i x = q[i / 64];
            sa = _mm512_dpbusd_epi32(sa, _mm512_loadu_si512(rows.codes[0] + i), x);
            sb = _mm512_dpbusd_epi32(sb, _mm512_loadu_si512(rows.codes[1] + i), x);
            sc = _mm512_dpbusd_epi32(sc, _mm512_loadu_si512(rows.codes[2] + i), x);
            sd = _mm512_dpbusd_epi32(sd, _mm512_loadu_si512(rows.codes[3] + i), x);
        }
        store_keys(
            codes, query, &rows, products_of(sum4(sa, sb, sc, sd), query), left < 4 ? left : 4,
            keys + r);
    }
}

// The 64 elements of 32 bytes: low halves first.
INLINE __m512i widen(const __m256i *p) {
    __m256i pairs = _mm256_loadu_si256(p), low = _mm256_set1_epi8(15);
    return _mm512_inserti64x4(
        _mm512_castsi256_si512(_mm256_and_si256(pairs, low)),
        _mm256_and_si256(_mm256_srli_epi16(pairs, 4), low), 1);
}

TARGET static void int4_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const __m512i *q = query.codes;
    size_t steps = codes.query_bytes / 64;
    for (size_t r = 0; r < count; r += 4) {
        size_t left = count - r;
        records4 rows = find_rows(codes, ids + r, left);
        __m512i sums[4] = {0};
        for (size_t i = 0; i < steps; i++) {
            for (size_t j = 0; j < 4; j++) {
                sums[j] = _mm512_dpbusd_epi32(
                    sums[j], widen((const __m256i *)rows.codes[j] + i), q[i]);
            }
        }
        __m128i dots = sum4(sums[0], sums[1], sums[2], sums[3]);
        store_keys(
            codes, query, &rows, products_of(dots, query), left < 4 ? left : 4, keys + r);
    }
}

TARGET static void float_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const float *q = query.codes;
    size_t elements = codes.query_bytes / sizeof(float);
    for (size_t r = 0; r < count; r += 4) {
        size_t left = count - r;
        records4 rows = find_rows(codes, ids + r, left);
        float products[4];
        for (size_t j = 0; j < 4; j++) {
            const float *row = (const float *)rows.codes[j];
            __m512 sums = _mm512_setzero_ps();
            for (size_t i = 0; i < elements; i += 16) {
                sums = _mm512_fmadd_ps(_mm512_loadu_ps(row + i), _mm512_load_ps(q + i), sums);
            }
            products[j] = _mm512_reduce_add_ps(sums);
        }
        store_keys(codes, query, &rows, _mm_loadu_ps(products), left < 4 ? left : 4, keys + r);
    }
}

TARGET static void difference_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const float *q = query.codes;
    size_t elements = codes.query_bytes / sizeof(float);
    for (size_t r = 0; r < count; r++) {
        const float *row = (const float *)lode_codes_of(codes, ids[r]);
        __m512 sum = _mm512_setzero_ps(), other = sum;
        size_t i = 0;
        for (; i + 32 <= elements; i += 32) {
            __m512 d = _mm512_sub_ps(_mm512_loadu_ps(row + i), _mm512_load_ps(q + i));
            __m512 e = _mm512_sub_ps(_mm512_loadu_ps(row + i + 16), _mm512_load_ps(q + i + 16));
            sum = _mm512_fmadd_ps(d, d, sum);
            other = _mm512_fmadd_ps(e, e, other);
        }
        for (; i < elements; i += 16) {
            __m512 d = _mm512_sub_ps(_mm512_loadu_ps(row + i), _mm512_load_ps(q + i));
            sum = _mm512_fmadd_ps(d, d, sum);
        }
        keys[r] = lode_ordered(_mm512_reduce_add_ps(_mm512_add_ps(sum, other)));
    }
}

TARGET static size_t keep_near(
    lode_signs signs, lode_query query, float margin, float bound, uint32_t *ids, size_t count) {
    const __m512i *q = query.codes;
    __m512i ones = _mm512_set1_epi8(1);
    size_t bytes = signs.bit_bytes, kept = 0;
    for (size_t r = 0; r < count; r += 4) {
        const uint8_t *codes[4];
        for (size_t j = 0; j < 4; j++) {
            codes[j] = signs.codes + (size_t)ids[r + j < count ? r + j : count - 1] * signs.stride;
        }
        __m512i sums[4] = {0};
        for (size_t i = 0; i < bytes; i += 8) {
            __m512i x = q[i / 8];
            for (size_t j = 0; j < 4; j++) {
                uint64_t bits;
                memcpy(&bits, codes[j] + i, sizeof bits);
                sums[j] = _mm512_dpbusd_epi32(
                    sums[j], _mm512_maskz_mov_epi8((__mmask64)bits, ones), x);
            }
        }
        int32_t positive[4];
        _mm_storeu_si128((__m128i *)positive, sum4(sums[0], sums[1], sums[2], sums[3]));
        size_t width = count - r < 4 ? count - r : 4;
        for (size_t j = 0; j < width; j++) {
            float floats[LODE_SIGN_FLOATS];
            memcpy(floats, codes[j] + bytes, sizeof floats);
            ids[kept] = ids[r + j];
            kept += lode_least_value(query, margin, positive[j], floats) > bound ? 0 : 1;
        }
    }
    return kept;
}

TARGET static void quantize(const float *x, size_t count, float inverse_scale, uint8_t *codes) {
    __m512 scales = _mm512_set1_ps(inverse_scale);
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = (__mmask16)(count - i < 16 ? (1u << (count - i)) - 1 : 0xffff);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), scales);
        v = _mm512_min_ps(_mm512_max_ps(v, _mm512_set1_ps(-127)), _mm512_set1_ps(127));
        __m512i n = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(128));
        _mm512_mask_cvtepi32_storeu_epi8(codes + i, mask, n);
    }
}

TARGET static float peak(const float *x, size_t count) {
    __m512 peaks = _mm512_setzero_ps();
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = (__mmask16)(count - i < 16 ? (1u << (count - i)) - 1 : 0xffff);
        peaks = _mm512_max_ps(peaks, _mm512_abs_ps(_mm512_maskz_loadu_ps(mask, x + i)));
    }
    return _mm512_reduce_max_ps(peaks);
}

#include "angles.h"
#include "rotation.h"

// Adds the squares of 64 signed bytes.
INLINE __m512i add_squares(__m512i sums, __m512i s) {
    __m512i low = _mm512_cvtepi8_epi16(_mm512_castsi512_si256(s));
    __m512i high = _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(s, 1));
    sums = _mm512_add_epi32(sums, _mm512_madd_epi16(low, low));
    return _mm512_add_epi32(sums, _mm512_madd_epi16(high, high));
}

// A mask of the elements that are left, at most 64.
INLINE __mmask64 mask_of(size_t left) { return left < 64 ? (1ull << left) - 1 : ~0ull; }

TARGET static int32_t sign_int8(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares) {
    __m512i ones = _mm512_set1_epi8(1), sums = _mm512_setzero_si512(), square = sums;
    for (size_t i = 0; i < padded; i += 64) {
        __mmask64 mask = i < elements ? mask_of(elements - i) : 0;
        __m512i s = _mm512_maskz_sub_epi8(
            mask, _mm512_maskz_loadu_epi8(mask, code + i), _mm512_set1_epi8(-128));
        _mm512_storeu_si512(query + i, s);
        sums = _mm512_dpbusd_epi32(sums, ones, s);
        square = add_squares(square, s);
    }
    *squares = _mm512_reduce_add_epi32(square);
    return _mm512_reduce_add_epi32(sums);
}

TARGET static int32_t sign_int4(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares) {
    __m512i ones = _mm512_set1_epi8(1), sums = _mm512_setzero_si512(), square = sums;
    for (size_t i = 0; i < padded; i += 64) {
        __mmask64 mask = i < elements ? mask_of(elements - i) : 0;
        __m512i shifted = _mm512_slli_epi16(widen((const __m256i *)(code + i / 2)), 4);
        __m512i s = _mm512_maskz_sub_epi8(mask, shifted, _mm512_set1_epi8(-128));
        _mm512_storeu_si512(query + i, s);
        sums = _mm512_dpbusd_epi32(sums, ones, s);
        square = add_squares(square, s);
    }
    *squares = _mm512_reduce_add_epi32(square);
    return _mm512_reduce_add_epi32(sums);
}

const lode_code_kernels lode_avx512_code_kernels = {
    .int8_keys = int8_keys,
    .int4_keys = int4_keys,
    .float_keys = float_keys,
    .difference_keys = difference_keys,
    .keep_near = keep_near,
    .quantize = quantize,
    .peak = peak,
    .sign_int8 = sign_int8,
    .sign_int4 = sign_int4,
    .rotate = rotate,
    .any_nearer = any_nearer,
};

#endif
