// SPDX-License-Identifier: Apache-2.0
// The kernels, written once over the registers of lanes.h and compiled by the file of each
// instruction set, which also defines LODE_BLOCK_ROWS: the rows of a block's step. The registers
// must hold LODE_BLOCK_QUERIES times as many sums.
//
// A pair of vectors always has one register of sums, added up by `sum4`. That is the order that
// makes a scan and a block agree to the bit.

enum metric { COSINE, SQUARED_EUCLIDEAN, NEGATIVE_DOT };

// Rows of a scan's step, one a lane of a float4. The last rows of a scan are filled up to a step by
// repeating the last one, so that there is one loop only.
enum { SCAN_ROWS = 4 };
// How many rows ahead of the step memory is asked for.
enum { PREFETCH_ROWS = 8 };

INLINE lanes add_pair(enum metric metric, lanes sum, lanes query, lanes row) {
    if (metric != SQUARED_EUCLIDEAN) return __builtin_elementwise_fma(query, row, sum);
    lanes difference = query - row;
    return __builtin_elementwise_fma(difference, difference, sum);
}

// The end of a cosine: all of these work on four pairs at once.
INLINE float4 finish_cosine(float4 dot, float4 inverse_query_norm, float4 inverse_norm) {
    float4 distance = 1 - dot * inverse_query_norm * inverse_norm;
    return __builtin_elementwise_min(__builtin_elementwise_max(distance, (float4)0), (float4)2);
}

// 1 / |x|, or 0 where the definition must be asked.
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

// The rows of one step, and where to look ahead from.
typedef struct step {
    const float *row[SCAN_ROWS];
    const float *ahead[SCAN_ROWS];
} step;

INLINE step step_at(
    size_t r, const float *rows, size_t stride, size_t count, size_t width, size_t lookahead) {
    step s;
    for (size_t j = 0; j < width; j++) {
        size_t row = r + j < count ? r + j : count - 1;
        size_t ahead = row + lookahead < count ? row + lookahead : row;
        s.row[j] = rows + row * stride;
        s.ahead[j] = rows + ahead * stride;
    }
    return s;
}

// The sums of a step of a scan: `pairs` of query and row, and for cosine `squares` of the row.
INLINE void scan_step(
    enum metric metric, const float *query, const step *s, size_t dimension, float4 *pairs,
    float4 *squares) {
    lanes pair[SCAN_ROWS] = {0}, square[SCAN_ROWS] = {0};
    size_t i = 0;
    for (; i + LODE_LANES <= dimension; i += LODE_LANES) {
        lanes q = load(query + i);
        for (size_t j = 0; j < SCAN_ROWS; j++) {
            __builtin_prefetch(s->ahead[j] + i);
            lanes x = load(s->row[j] + i);
            pair[j] = add_pair(metric, pair[j], q, x);
            if (metric == COSINE) square[j] = __builtin_elementwise_fma(x, x, square[j]);
        }
    }
    if (i < dimension) {
        lanes q = load_tail(query + i, dimension - i);
        for (size_t j = 0; j < SCAN_ROWS; j++) {
            lanes x = load_tail(s->row[j] + i, dimension - i);
            pair[j] = add_pair(metric, pair[j], q, x);
            if (metric == COSINE) square[j] = __builtin_elementwise_fma(x, x, square[j]);
        }
    }
    *pairs = sum4(pair[0], pair[1], pair[2], pair[3]);
    if (metric == COSINE) *squares = sum4(square[0], square[1], square[2], square[3]);
}

INLINE void scan(
    enum metric metric, const float *query, float query_norm, const float *rows, size_t stride,
    size_t count, size_t dimension, float *distances) {
    float4 inverse_query_norm = metric == COSINE ? 1 / query_norm : 0;
    for (size_t r = 0; r < count; r += SCAN_ROWS) {
        step s = step_at(r, rows, stride, count, SCAN_ROWS, PREFETCH_ROWS);
        float4 pairs, squares;
        scan_step(metric, query, &s, dimension, &pairs, &squares);

        size_t width = count - r < SCAN_ROWS ? count - r : SCAN_ROWS;
        if (metric == COSINE) {
            float4 inverse_norms = invert_norms(squares);
            store4(distances + r, finish_cosine(pairs, inverse_query_norm, inverse_norms), width);
            if (__builtin_expect(any_zero(inverse_norms), 0)) {
                for (size_t j = 0; j < width; j++) {
                    if (inverse_norms[j] != 0) continue;
                    distances[r + j] = lode_define_cosine(query, s.row[j], dimension);
                }
            }
        } else if (metric == SQUARED_EUCLIDEAN) {
            store4(distances + r, pairs, width);
        } else {
            store4(distances + r, 0 - pairs, width);
            if (__builtin_expect(any_overflowed(pairs), 0)) {
                for (size_t j = 0; j < width; j++) {
                    if (!overflowed(pairs[j])) continue;
                    distances[r + j] = lode_define_negative_dot(query, s.row[j], dimension);
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
        step s = step_at(r, rows, stride, count, LODE_BLOCK_ROWS, LODE_BLOCK_ROWS);
        lanes sums[LODE_BLOCK_ROWS][LODE_BLOCK_QUERIES] = {0};
        size_t i = 0;
        for (; i + LODE_LANES <= dimension; i += LODE_LANES) {
            lanes x[LODE_BLOCK_ROWS];
            for (size_t j = 0; j < LODE_BLOCK_ROWS; j++) x[j] = load(s.row[j] + i);
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
                x[j] = load_tail(s.row[j] + i, dimension - i);
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

            // As in a scan, exactly the pairs that need it are asked of the definition.
            if (metric == COSINE && __builtin_expect(inverse_norms[r + j] == 0, 0)) {
                for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {
                    column[q * distance_stride] =
                        lode_define_cosine(queries + q * dimension, s.row[j], dimension);
                }
            } else if (metric == NEGATIVE_DOT && __builtin_expect(any_overflowed(pairs), 0)) {
                for (size_t q = 0; q < LODE_BLOCK_QUERIES; q++) {
                    if (!overflowed(pairs[q])) continue;
                    column[q * distance_stride] =
                        lode_define_negative_dot(queries + q * dimension, s.row[j], dimension);
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

LODE_TARGET static void inverse_norms(
    const float *rows, size_t stride, size_t count, size_t dimension, float *inverse_norms) {
    for (size_t r = 0; r < count; r += SCAN_ROWS) {
        step s = step_at(r, rows, stride, count, SCAN_ROWS, PREFETCH_ROWS);
        lanes square[SCAN_ROWS] = {0};
        size_t i = 0;
        for (; i + LODE_LANES <= dimension; i += LODE_LANES) {
            for (size_t j = 0; j < SCAN_ROWS; j++) {
                __builtin_prefetch(s.ahead[j] + i);
                lanes x = load(s.row[j] + i);
                square[j] = __builtin_elementwise_fma(x, x, square[j]);
            }
        }
        if (i < dimension) {
            for (size_t j = 0; j < SCAN_ROWS; j++) {
                lanes x = load_tail(s.row[j] + i, dimension - i);
                square[j] = __builtin_elementwise_fma(x, x, square[j]);
            }
        }
        size_t width = count - r < SCAN_ROWS ? count - r : SCAN_ROWS;
        float4 squares = sum4(square[0], square[1], square[2], square[3]);
        store4(inverse_norms + r, invert_norms(squares), width);
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

#define LODE_KERNELS(set)                                                                      \
    {                                                                                          \
        .isa = set, .cosine = cosine, .squared_euclidean = squared_euclidean,                  \
        .negative_dot = negative_dot, .cosine_block = cosine_block,                            \
        .squared_euclidean_block = squared_euclidean_block,                                    \
        .negative_dot_block = negative_dot_block, .inverse_norms = inverse_norms,              \
        .first_within = first_within,                                                          \
    }
