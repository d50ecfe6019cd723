// SPDX-License-Identifier: Apache-2.0
// The kernels that compute distances, written once over the registers of lanes.h. The file of each
// instruction set compiles them. It also defines LODE_BLOCK_ROWS, the rows of a block's step: the
// registers must hold LODE_BLOCK_QUERIES times as many sums.
//
// A pair of vectors always has one register of sums, added up by `sum4`. This order makes a scan
// and a block agree to the bit.

enum metric { COSINE, SQUARED_EUCLIDEAN, NEGATIVE_DOT };

// Rows of a scan's step, one per lane of a float4. They are read one after the other, because a
// single stream from memory is twice as fast as four at once. Measured (384 elements, scans per
// second): one stream 105, four streams 62.
enum { SCAN_ROWS = 4 };
// Once per LOOKAHEAD_STEP elements, one line LOOKAHEAD_BYTES ahead is prefetched, so that its page
// is translated and its stream begun in time (another 30 %). Prefetching every line is slower.
enum { LOOKAHEAD_STEP = 512, LOOKAHEAD_BYTES = 32 << 10 };

INLINE lanes add_pair(enum metric metric, lanes sum, lanes query, lanes row) {
    if (metric != SQUARED_EUCLIDEAN) return __builtin_elementwise_fma(query, row, sum);
    lanes difference = query - row;
    return __builtin_elementwise_fma(difference, difference, sum);
}

// The last step of a cosine. This function and the next ones work on four pairs at once.
INLINE float4 finish_cosine(float4 dot, float4 inverse_query_norm, float4 inverse_norm) {
    float4 distance = 1 - dot * inverse_query_norm * inverse_norm;
    return __builtin_elementwise_min(__builtin_elementwise_max(distance, (float4)0), (float4)2);
}

// 1 / |x|, or 0 where the definition must compute the distance.
INLINE float4 invert_norms(float4 squared) {
    float4 inverse = 1 / __builtin_elementwise_sqrt(squared);
    mask4 covered = (squared > LODE_MIN_SQUARED_NORM) & (squared < LODE_MAX_SQUARED_NORM);
    return (float4)((mask4)inverse & covered);
}

INLINE int any_zero(float4 v) { return v.x == 0 || v.y == 0 || v.z == 0 || v.w == 0; }

// Only infinities and NaN differ from themselves by something else than zero.
INLINE int overflowed(float v) { return !(v - v == 0); }

INLINE int any_overflowed(float4 v) {
    float4 zero = v - v;
    return overflowed(zero.x + zero.y + zero.z + zero.w);
}

// A prefetch beyond an array's end is harmless: it never fails.
INLINE void look_ahead(const float *p) {
    __builtin_prefetch((const void *)((uintptr_t)p + LOOKAHEAD_BYTES));
}

// Adds up one row: into `pair` with the query, unless that is NULL, and into `square` with itself,
// unless that is NULL.
INLINE void add_row(
    enum metric metric, const float *query, const float *row, size_t dimension, lanes *pair,
    lanes *square) {
    lanes pairs = 0, squares = 0;
    size_t i = 0;
    while (i + LODE_LANES <= dimension) {
        look_ahead(row + i);
        size_t left = dimension - i;
        size_t end = i + (left < LOOKAHEAD_STEP ? left / LODE_LANES * LODE_LANES : LOOKAHEAD_STEP);
        for (; i < end; i += LODE_LANES) {
            lanes x = load(row + i);
            if (query) pairs = add_pair(metric, pairs, load(query + i), x);
            if (square) squares = __builtin_elementwise_fma(x, x, squares);
        }
    }
    if (i < dimension) {
        lanes x = load_tail(row + i, dimension - i);
        if (query) pairs = add_pair(metric, pairs, load_tail(query + i, dimension - i), x);
        if (square) squares = __builtin_elementwise_fma(x, x, squares);
    }
    if (query) *pair = pairs;
    if (square) *square = squares;
}

INLINE void scan(
    enum metric metric, const float *query, float query_norm, const float *rows, size_t stride,
    size_t count, size_t dimension, float *distances) {
    float4 inverse_query_norm = metric == COSINE ? 1 / query_norm : 0;
    for (size_t r = 0; r < count; r += SCAN_ROWS) {
        size_t width = count - r < SCAN_ROWS ? count - r : SCAN_ROWS;
        const float *row = rows + r * stride;
        lanes pair[SCAN_ROWS] = {0}, square[SCAN_ROWS] = {0};
        for (size_t j = 0; j < SCAN_ROWS && j < width; j++) {
            add_row(
                metric, query, row + j * stride, dimension, &pair[j],
                metric == COSINE ? &square[j] : NULL);
        }
        float4 pairs = sum4(pair[0], pair[1], pair[2], pair[3]);

        if (metric == COSINE) {
            float4 inverse_norms = invert_norms(sum4(square[0], square[1], square[2], square[3]));
            store4(distances + r, finish_cosine(pairs, inverse_query_norm, inverse_norms), width);
            if (__builtin_expect(any_zero(inverse_norms), 0)) {
                for (size_t j = 0; j < width; j++) {
                    if (inverse_norms[j] != 0) continue;
                    distances[r + j] = lode_define_cosine(query, row + j * stride, dimension);
                }
            }
        } else if (metric == SQUARED_EUCLIDEAN) {
            store4(distances + r, pairs, width);
        } else {
            store4(distances + r, 0 - pairs, width);
            if (__builtin_expect(any_overflowed(pairs), 0)) {
                for (size_t j = 0; j < width; j++) {
                    if (!overflowed(pairs[j])) continue;
                    distances[r + j] = lode_define_negative_dot(query, row + j * stride, dimension);
                }
            }
        }
    }
}

INLINE void scan_block(
    enum metric metric, const float *queries, const float *query_norms, const float *rows,
    size_t stride, size_t count, size_t dimension, const float *inverse_norms, float *distances,
    size_t distance_stride) {
    float4 inverse_query_norms = metric == COSINE ? 1 / load4(query_norms) : (float4)0;
    for (size_t r = 0; r < count; r += LODE_BLOCK_ROWS) {
        // The last step is filled up by repeating the last row, so one loop suffices.
        const float *row[LODE_BLOCK_ROWS];
        for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) {
            row[j] = rows + (r + j < count ? r + j : count - 1) * stride;
        }
        lanes sums[LODE_BLOCK_ROWS][LODE_BLOCK_QUERIES] = {0};
        size_t i = 0;
        for (; i + LODE_LANES <= dimension; i += LODE_LANES) {
            lanes x[LODE_BLOCK_ROWS];
            for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) x[j] = load(row[j] + i);
            for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {
                lanes query = load(queries + q * dimension + i);
                for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) {
                    sums[j][q] = add_pair(metric, sums[j][q], query, x[j]);
                }
            }
        }
        if (i < dimension) {
            lanes x[LODE_BLOCK_ROWS];
            for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) {
                x[j] = load_tail(row[j] + i, dimension - i);
            }
            for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {
                lanes query = load_tail(queries + q * dimension + i, dimension - i);
                for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) {
                    sums[j][q] = add_pair(metric, sums[j][q], query, x[j]);
                }
            }
        }
        float4 results[LODE_BLOCK_ROWS];
        for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) {
            results[j] = sum4(sums[j][0], sums[j][1], sums[j][2], sums[j][3]);
        }

        size_t width = count - r < LODE_BLOCK_ROWS ? count - r : LODE_BLOCK_ROWS;
        for (size_t j = 0; j < width; j++) {
            float4 pairs = results[j], result = pairs;
            if (metric == COSINE) {
                result = finish_cosine(pairs, inverse_query_norms, inverse_norms[r + j]);
            } else if (metric == NEGATIVE_DOT) {
                result = 0 - pairs;
            }
            float *column = distances + r + j;
            column[0] = result.x;
            column[distance_stride] = result.y;
            column[2 * distance_stride] = result.z;
            column[3 * distance_stride] = result.w;

            // As in a scan, the definition computes exactly the pairs that need it.
            if (metric == COSINE && __builtin_expect(inverse_norms[r + j] == 0, 0)) {
                for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {
                    column[q * distance_stride] =
                        lode_define_cosine(queries + q * dimension, row[j], dimension);
                }
            } else if (metric == NEGATIVE_DOT && __builtin_expect(any_overflowed(pairs), 0)) {
                for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {
                    if (!overflowed(pairs[q])) continue;
                    column[q * distance_stride] =
                        lode_define_negative_dot(queries + q * dimension, row[j], dimension);
                }
            }
        }
    }
}

#define SCAN(name, metric)                                                                     \
    LODE_TARGET static void name(                                                              \
        const float *query, float query_norm, const float *rows, size_t stride, size_t count,  \
        size_t dimension, float *distances) {                                                  \
        scan(metric, query, query_norm, rows, stride, count, dimension, distances);            \
    }                                                                                          \
    LODE_TARGET static void name##_block(                                                      \
        const float *queries, const float *query_norms, const float *rows, size_t stride,      \
        size_t count, size_t dimension, const float *inverse_norms, float *distances,          \
        size_t distance_stride) {                                                              \
        scan_block(                                                                            \
            metric, queries, query_norms, rows, stride, count, dimension, inverse_norms,       \
            distances, distance_stride);                                                       \
    }

SCAN(cosine, COSINE)
SCAN(squared_euclidean, SQUARED_EUCLIDEAN)
SCAN(negative_dot, NEGATIVE_DOT)

LODE_TARGET static void squared_norms(
    const float *rows, size_t stride, size_t count, size_t dimension, float *squared_norms) {
    for (size_t r = 0; r < count; r += SCAN_ROWS) {
        size_t width = count - r < SCAN_ROWS ? count - r : SCAN_ROWS;
        lanes square[SCAN_ROWS] = {0};
        for (size_t j = 0; j < SCAN_ROWS && j < width; j++) {
            add_row(COSINE, NULL, rows + (r + j) * stride, dimension, NULL, &square[j]);
        }
        float4 squares = sum4(square[0], square[1], square[2], square[3]);
        store4(squared_norms + r, squares, width);
    }
}

LODE_TARGET static size_t first_within(
    const float *distances, size_t from, size_t count, float bound) {
    for (; from + LODE_LANES <= count; from += LODE_LANES) {
        lane_masks within = load(distances + from) <= bound;
        if (__builtin_reduce_or(within)) break;
    }
    while (from < count && !(distances[from] <= bound)) from++;
    return from;
}
