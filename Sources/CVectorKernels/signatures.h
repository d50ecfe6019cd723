// SPDX-License-Identifier: Apache-2.0
// The kernel that ranks hash signatures, written once over the registers of lanes.h: a lane is a
// bit of a signature.

typedef uint32_t bits __attribute__((ext_vector_type(LODE_LANES)));

INLINE bits lane_bits(void) {
    bits v;
    for (size_t lane = 0; lane < LODE_LANES; lane++) v[lane] = (uint32_t)1 << lane;
    return v;
}

INLINE float sum_lanes(lanes v) {
    float4 half = fold(v);
    return (half.x + half.y) + (half.z + half.w);
}

// Signatures are prefetched this many slots ahead: the processor can't guess the order in which
// they are read.
enum { SLOTS_AHEAD = 8 };

LODE_TARGET static void signature_costs(
    const float *weights, size_t tables, size_t hyperplanes, const uint32_t *signatures,
    const uint32_t *slots, size_t count, float *costs) {
    const bits first_bits = lane_bits();
    for (size_t i = 0; i < count; i++) {
        if (i + SLOTS_AHEAD < count) {
            __builtin_prefetch(signatures + (size_t)slots[i + SLOTS_AHEAD] * tables);
        }
        const uint32_t *signature = signatures + (size_t)slots[i] * tables;
        lanes sum = 0;
        for (size_t t = 0; t < tables; t++) {
            for (size_t b = 0; b < hyperplanes; b += LODE_LANES) {
                lane_masks isSet = (signature[t] & (first_bits << (uint32_t)b)) != 0;
                lanes weight = load(weights + t * LODE_SIGNATURE_BITS + b);
                sum += isSet ? weight : (lanes)0;
            }
        }
        costs[i] = sum_lanes(sum);
    }
}

#define LODE_KERNELS(set)                                                                      \
    {                                                                                          \
        .isa = set, .panel_step = LODE_LANES,                                                  \
        .panel_width = LODE_LANES * LODE_PANEL_REGISTERS, .cosine = cosine,                    \
        .squared_euclidean = squared_euclidean, .negative_dot = negative_dot,                  \
        .cosine_block = cosine_block, .squared_euclidean_block = squared_euclidean_block,      \
        .negative_dot_block = negative_dot_block,                                              \
        .prefilter_products = prefilter_products,                                              \
        .prefilter_differences = prefilter_differences,                                        \
        .squared_norms = squared_norms, .first_within = first_within,                          \
        .signature_costs = signature_costs,                                                    \
    }
