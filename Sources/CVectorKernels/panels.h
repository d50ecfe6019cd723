// SPDX-License-Identifier: Apache-2.0
// The kernels of many queries, written once over the registers of lanes.h: the inner loops of a
// matrix product. The file of an instruction set defines before this file
//
//   LODE_PANEL_REGISTERS   registers of queries in a panel at most
//   LODE_PANEL_ROWS        rows of a step
//
// such that these fit into the registers of the processor: a sum for each pair of a register of
// queries and a row, the queries, an element of a row, and a difference. A lane is a query: an
// element of a row is spread over all lanes, and no sums across lanes are left at the end.

enum form { PRODUCTS, DIFFERENCES };

INLINE void prefilter_rows(
    enum form form, size_t registers, const float *panel, const float *const *row,
    size_t dimension, lanes sums[LODE_PANEL_ROWS][LODE_PANEL_REGISTERS]) {
    for (size_t i = 0; i < dimension; i++) {
        lanes queries[LODE_PANEL_REGISTERS];
        for (size_t v = 0; v < registers; v++) {
            queries[v] = load(panel + (i * registers + v) * LODE_LANES);
        }
        for (size_t j = 0; j < LODE_PANEL_ROWS; j++) {
            lanes x = row[j][i];
            for (size_t v = 0; v < registers; v++) {
                if (form == PRODUCTS) {
                    sums[j][v] = __builtin_elementwise_fma(queries[v], x, sums[j][v]);
                } else {
                    lanes difference = queries[v] - x;
                    sums[j][v] = __builtin_elementwise_fma(difference, difference, sums[j][v]);
                }
            }
        }
    }
}

// A mask of the lanes whose value is not greater than their limit. NaN is greater than no limit.
INLINE uint64_t within(lanes values, const float *limits) {
    lane_masks beyond = values > load(limits);
    if (__builtin_expect(__builtin_reduce_and(beyond) != 0, 1)) return 0;
    uint64_t mask = 0;
    for (size_t lane = 0; lane < LODE_LANES; lane++) {
        mask |= (uint64_t)(beyond[lane] == 0) << lane;
    }
    return mask;
}

INLINE void prefilter(
    enum form form, size_t registers, const float *panel, const float *rows, size_t stride,
    size_t count, size_t dimension, const float *scales, const float *limits, uint64_t *masks) {
    for (size_t r = 0; r < count; r += LODE_PANEL_ROWS) {
        // The last step is filled up by repeating the last row, so one loop suffices.
        const float *row[LODE_PANEL_ROWS];
        for (size_t j = 0; j < LODE_PANEL_ROWS; j++) {
            row[j] = rows + (r + j < count ? r + j : count - 1) * stride;
        }
        lanes sums[LODE_PANEL_ROWS][LODE_PANEL_REGISTERS] = {0};
        prefilter_rows(form, registers, panel, row, dimension, sums);
        for (size_t j = 0; j < LODE_PANEL_ROWS && r + j < count; j++) {
            uint64_t mask = 0;
            for (size_t v = 0; v < registers; v++) {
                lanes values = form == PRODUCTS ? sums[j][v] * scales[r + j] : sums[j][v];
                mask |= within(values, limits + v * LODE_LANES) << v * LODE_LANES;
            }
            masks[r + j] = mask;
        }
    }
}

// Each width of a panel has a loop of its own: a number of registers that the compiler knows lets
// the sums stay in registers.
INLINE void prefilter_any(
    enum form form, const float *panel, size_t width, const float *rows, size_t stride,
    size_t count, size_t dimension, const float *scales, const float *limits, uint64_t *masks) {
    switch (width / LODE_LANES) {
    case 1:
        prefilter(form, 1, panel, rows, stride, count, dimension, scales, limits, masks);
        break;
    case 2:
        prefilter(form, 2, panel, rows, stride, count, dimension, scales, limits, masks);
        break;
#if LODE_PANEL_REGISTERS == 3
    case 3:
        prefilter(form, 3, panel, rows, stride, count, dimension, scales, limits, masks);
        break;
#endif
    }
}

#define PREFILTER(name, form)                                                                  \
    LODE_TARGET static void name(                                                              \
        const float *panel, size_t width, const float *rows, size_t stride, size_t count,      \
        size_t dimension, const float *scales, const float *limits, uint64_t *masks) {         \
        prefilter_any(                                                                         \
            form, panel, width, rows, stride, count, dimension, scales, limits, masks);        \
    }

PREFILTER(prefilter_products, PRODUCTS)
PREFILTER(prefilter_differences, DIFFERENCES)
