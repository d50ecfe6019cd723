// SPDX-License-Identifier: Apache-2.0
// The definition: plain C, float64 sums. The other kernels are tested against it, and fall back to
// it for magnitudes that float32 sums do not cover. Processors without the instructions of the
// others use it.
#include "kernels.h"

#include <math.h>

// Four sums, because one alone would wait for each addition.
enum { SUMS = 4 };

static double dot(const float *a, const float *b, size_t dimension) {
    double sums[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= dimension; i += SUMS) {
        for (size_t s = 0; s < SUMS; s++) sums[s] += (double)a[i + s] * (double)b[i + s];
    }
    for (; i < dimension; i++) sums[0] += (double)a[i] * (double)b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static float cosine_distance(
    const float *query, double query_norm, const float *row, size_t dimension) {
    double norms = query_norm * sqrt(dot(row, row, dimension));
    if (norms == 0) return 1;
    return (float)fmin(fmax(1 - dot(query, row, dimension) / norms, 0), 2);
}

float lode_define_cosine(const float *query, const float *row, size_t dimension) {
    return cosine_distance(query, sqrt(dot(query, query, dimension)), row, dimension);
}

float lode_define_squared_euclidean(const float *query, const float *row, size_t dimension) {
    double sums[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= dimension; i += SUMS) {
        for (size_t s = 0; s < SUMS; s++) {
            double difference = (double)query[i + s] - (double)row[i + s];
            sums[s] += difference * difference;
        }
    }
    for (; i < dimension; i++) {
        double difference = (double)query[i] - (double)row[i];
        sums[0] += difference * difference;
    }
    return (float)((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// Subtracted from zero, so that no distance is a negative zero.
float lode_define_negative_dot(const float *query, const float *row, size_t dimension) {
    return (float)(0 - dot(query, row, dimension));
}

static void cosine(
    const float *query, float query_norm, const float *rows, size_t stride, size_t count,
    size_t dimension, float *distances) {
    (void)query_norm;
    double norm = sqrt(dot(query, query, dimension));
    for (size_t r = 0; r < count; r++) {
        distances[r] = cosine_distance(query, norm, rows + r * stride, dimension);
    }
}

static void squared_euclidean(
    const float *query, float query_norm, const float *rows, size_t stride, size_t count,
    size_t dimension, float *distances) {
    (void)query_norm;
    for (size_t r = 0; r < count; r++) {
        distances[r] = lode_define_squared_euclidean(query, rows + r * stride, dimension);
    }
}

static void negative_dot(
    const float *query, float query_norm, const float *rows, size_t stride, size_t count,
    size_t dimension, float *distances) {
    (void)query_norm;
    for (size_t r = 0; r < count; r++) {
        distances[r] = lode_define_negative_dot(query, rows + r * stride, dimension);
    }
}

#define BLOCK(name)                                                                            \
    static void name##_block(                                                                  \
        const float *queries, const float *query_norms, const float *rows, size_t stride,      \
        size_t count, size_t dimension, const float *inverse_norms, float *distances,          \
        size_t distance_stride) {                                                              \
        (void)query_norms, (void)inverse_norms;                                                \
        for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {                                      \
            name(                                                                              \
                queries + q * dimension, 0, rows, stride, count, dimension,                    \
                distances + q * distance_stride);                                              \
        }                                                                                      \
    }

BLOCK(cosine)
BLOCK(squared_euclidean)
BLOCK(negative_dot)

// Queries of a panel.
enum { PANEL = 8 };

static void sum_products(const float *panel, const float *row, size_t dimension, double *sums) {
    for (size_t i = 0; i < dimension; i++) {
        for (size_t q = 0; q < PANEL; q++) {
            sums[q] += (double)panel[i * PANEL + q] * (double)row[i];
        }
    }
}

static void sum_differences(const float *panel, const float *row, size_t dimension, double *sums) {
    for (size_t i = 0; i < dimension; i++) {
        for (size_t q = 0; q < PANEL; q++) {
            double difference = (double)panel[i * PANEL + q] - (double)row[i];
            sums[q] += difference * difference;
        }
    }
}

static uint64_t within(const double *values, double scale, const float *limits) {
    uint64_t mask = 0;
    for (size_t q = 0; q < PANEL; q++) {
        mask |= (uint64_t)!(values[q] * scale > (double)limits[q]) << q;
    }
    return mask;
}

static void prefilter_products(
    const float *panel, size_t width, const float *rows, size_t stride, size_t count,
    size_t dimension, const float *scales, const float *limits, uint64_t *masks) {
    (void)width;
    for (size_t r = 0; r < count; r++) {
        double sums[PANEL] = {0};
        sum_products(panel, rows + r * stride, dimension, sums);
        masks[r] = within(sums, (double)scales[r], limits);
    }
}

static void prefilter_differences(
    const float *panel, size_t width, const float *rows, size_t stride, size_t count,
    size_t dimension, const float *scales, const float *limits, uint64_t *masks) {
    (void)width, (void)scales;
    for (size_t r = 0; r < count; r++) {
        double sums[PANEL] = {0};
        sum_differences(panel, rows + r * stride, dimension, sums);
        masks[r] = within(sums, 1, limits);
    }
}

static void squared_norms(
    const float *rows, size_t stride, size_t count, size_t dimension, float *squared_norms) {
    for (size_t r = 0; r < count; r++) {
        const float *row = rows + r * stride;
        squared_norms[r] = (float)dot(row, row, dimension);
    }
}

static size_t first_within(const float *distances, size_t from, size_t count, float bound) {
    while (from < count && !(distances[from] <= bound)) from++;
    return from;
}

static void signature_costs(
    const float *weights, size_t tables, size_t hyperplanes, const uint32_t *signatures,
    const uint32_t *slots, size_t count, float *costs) {
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        for (size_t t = 0; t < tables; t++) {
            uint32_t signature = signatures[(size_t)slots[i] * tables + t];
            for (size_t b = 0; b < hyperplanes; b++) {
                if (signature >> b & 1) sum += (double)weights[t * LODE_SIGNATURE_BITS + b];
            }
        }
        costs[i] = (float)sum;
    }
}

const lode_kernels lode_scalar_kernels = {
    .isa = LODE_ISA_SCALAR,
    .panel_step = PANEL,
    .panel_width = PANEL,
    .cosine = cosine,
    .squared_euclidean = squared_euclidean,
    .negative_dot = negative_dot,
    .cosine_block = cosine_block,
    .squared_euclidean_block = squared_euclidean_block,
    .negative_dot_block = negative_dot_block,
    .prefilter_products = prefilter_products,
    .prefilter_differences = prefilter_differences,
    .squared_norms = squared_norms,
    .first_within = first_within,
    .signature_costs = signature_costs,
};
