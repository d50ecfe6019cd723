// SPDX-License-Identifier: Apache-2.0
// The definition of the kernels over codes, in plain C, and the choice among all.
#include "code_kernels.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "CVectorKernels.h"
#include "codes.h"
#include "kernels.h"

static void int8_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const int8_t *q = query.codes;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = lode_codes_of(codes, ids[r]);
        int32_t dot = 0;
        for (size_t i = 0; i < codes.query_bytes; i++) dot += record[i] * q[i];
        keys[r] = lode_key(codes, query, lode_tail_of(codes, ids[r]), (float)(dot - query.base));
    }
}

static void int4_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const int8_t *q = query.codes;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = lode_codes_of(codes, ids[r]);
        int32_t dot = 0;
        for (size_t i = 0; i < codes.query_bytes; i += 64) {
            for (size_t j = 0; j < 32; j++) {
                uint8_t pair = record[i / 2 + j];
                dot += (pair & 15) * q[i + j] + (pair >> 4) * q[i + 32 + j];
            }
        }
        keys[r] = lode_key(codes, query, lode_tail_of(codes, ids[r]), (float)(dot - query.base));
    }
}

static float sum8(const float *sums) {
    return ((sums[0] + sums[1]) + (sums[2] + sums[3]))
        + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static void float_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const float *q = query.codes;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *record = lode_codes_of(codes, ids[r]);
        const float *row = (const float *)record;
        float sums[8] = {0};
        for (size_t i = 0; i < codes.query_bytes / sizeof(float); i += 8) {
            for (size_t s = 0; s < 8; s++) sums[s] += row[i + s] * q[i + s];
        }
        keys[r] = lode_key(codes, query, lode_tail_of(codes, ids[r]), sum8(sums));
    }
}

static void difference_keys(
    lode_codes codes, lode_query query, const uint32_t *ids, size_t count, uint32_t *keys) {
    const float *q = query.codes;
    for (size_t r = 0; r < count; r++) {
        const float *row = (const float *)lode_codes_of(codes, ids[r]);
        float sums[8] = {0};
        for (size_t i = 0; i < codes.query_bytes / sizeof(float); i += 8) {
            for (size_t s = 0; s < 8; s++) {
                float difference = row[i + s] - q[i + s];
                sums[s] += difference * difference;
            }
        }
        keys[r] = lode_ordered(sum8(sums));
    }
}

void lode_make_sign_code(
    const uint8_t *code, size_t elements, float step, float term, size_t bit_bytes,
    uint8_t *sign_code) {
    memset(sign_code, 0, bit_bytes);
    int32_t magnitudes = 0, squares = 0;
    for (size_t i = 0; i < elements; i++) {
        int32_t value = code[i] - 128;
        if (value >= 0) sign_code[i / 8] |= (uint8_t)(1 << i % 8);
        magnitudes += value < 0 ? -value : value;
        squares += value * value;
    }
    // Zeros are their own estimate.
    float floats[LODE_SIGN_FLOATS] = {term, 0, 0};
    if (magnitudes > 0) {
        double length = (double)step * sqrt((double)squares);
        double square = (double)magnitudes * magnitudes / ((double)elements * squares);
        double rest = square < 1 ? 1 / square - 1 : 0;
        floats[1] = (float)((double)step * squares / magnitudes);
        floats[2] = (float)(length * sqrt(rest / (double)(elements > 1 ? elements - 1 : 1)));
    }
    memcpy(sign_code + bit_bytes, floats, sizeof floats);
}

static size_t keep_near(
    lode_signs signs, lode_query query, float margin, float bound, uint32_t *ids, size_t count) {
    const int8_t *q = query.codes;
    size_t kept = 0;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *code = signs.codes + (size_t)ids[r] * signs.stride;
        int32_t positive = 0;
        for (size_t i = 0; i < 8 * signs.bit_bytes; i++) {
            positive += code[i / 8] >> i % 8 & 1 ? q[i] : 0;
        }
        float floats[LODE_SIGN_FLOATS];
        memcpy(floats, code + signs.bit_bytes, sizeof floats);
        ids[kept] = ids[r];
        kept += lode_least_value(query, margin, positive, floats) > bound ? 0 : 1;
    }
    return kept;
}

static void quantize(const float *x, size_t count, float inverse_scale, uint8_t *codes) {
    for (size_t i = 0; i < count; i++) {
        float value = x[i] * inverse_scale;
        codes[i] = (uint8_t)(lrintf(fminf(fmaxf(value, -127), 127)) + 128);
    }
}

static float peak(const float *x, size_t count) {
    float peak = 0;
    for (size_t i = 0; i < count; i++) peak = fmaxf(peak, fabsf(x[i]));
    return peak;
}

int32_t lode_sign_int8(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares) {
    int32_t sum = 0, square = 0;
    for (size_t i = 0; i < elements; i++) {
        int32_t value = code[i] - 128;
        query[i] = (int8_t)value;
        sum += value;
        square += value * value;
    }
    memset(query + elements, 0, padded - elements);
    *squares = square;
    return sum;
}

int32_t lode_sign_int4(
    const uint8_t *code, size_t elements, size_t padded, int8_t *query, int32_t *squares) {
    int32_t sum = 0, square = 0;
    for (size_t i = 0; i < elements; i++) {
        uint8_t pair = code[i / 64 * 32 + i % 32];
        int32_t value = ((i % 64 < 32 ? pair & 15 : pair >> 4) - 8) * 16;
        query[i] = (int8_t)value;
        sum += value;
        square += value * value;
    }
    memset(query + elements, 0, padded - elements);
    *squares = square;
    return sum;
}

void lode_rotate_scalar(float *x, size_t count, size_t width, const float *factors) {
    for (size_t round = 0; round < LODE_ROTATION_ROUNDS; round++, factors += count) {
        float *part = round % 2 ? x + (count - width) : x;
        for (size_t i = 0; i < count; i++) x[i] *= factors[i];
        for (size_t half = 1; half < width; half *= 2) {
            for (size_t start = 0; start < width; start += 2 * half) {
                for (size_t i = start; i < start + half; i++) {
                    float a = part[i], b = part[i + half];
                    part[i] = a + b;
                    part[i + half] = a - b;
                }
            }
        }
    }
}

static int any_nearer(const uint32_t *keys, size_t count, lode_angles angles, float limit) {
    for (size_t i = 0; i < count; i++) {
        float factor = angles.factor * angles.factors[i];
        float difference = angles.length - angles.lengths[i];
        float value = fmaf(-difference, difference, lode_value(keys[i])) + angles.shift;
        if ((factor == 0 ? 1 : fmaf(value, factor, angles.base)) < limit) return 1;
    }
    return 0;
}

static const lode_code_kernels scalar = {
    .int8_keys = int8_keys,
    .int4_keys = int4_keys,
    .float_keys = float_keys,
    .difference_keys = difference_keys,
    .keep_near = keep_near,
    .quantize = quantize,
    .peak = peak,
    .sign_int8 = lode_sign_int8,
    .sign_int4 = lode_sign_int4,
    .rotate = lode_rotate_scalar,
    .any_nearer = any_nearer,
};

const lode_code_kernels *lode_code_kernels_for(int isa) {
    switch (isa) {
    case LODE_ISA_SCALAR:
        return &scalar;
#if defined(__x86_64__)
    case LODE_ISA_AVX2:
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return NULL;
        return &lode_avx2_code_kernels;
    case LODE_ISA_AVX512:
        if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vnni")) {
            return NULL;
        }
        return &lode_avx512_code_kernels;
#endif
    default:
        return NULL;
    }
}

const lode_code_kernels *lode_code_kernels_best(void) {
    // As in dispatch.c, threads that choose at the same time choose the same table.
    static _Atomic(const lode_code_kernels *) chosen;
    const lode_code_kernels *best = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (best) return best;
    if (lode_isa_may_be_used(LODE_ISA_AVX512)) best = lode_code_kernels_for(LODE_ISA_AVX512);
    if (!best && lode_isa_may_be_used(LODE_ISA_AVX2)) best = lode_code_kernels_for(LODE_ISA_AVX2);
    // On processors with NEON, compilers turn the loops above into its instructions.
    if (!best) best = &scalar;
    atomic_store_explicit(&chosen, best, memory_order_relaxed);
    return best;
}
