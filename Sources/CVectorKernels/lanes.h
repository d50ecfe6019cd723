// SPDX-License-Identifier: Apache-2.0
// Vectors of LODE_LANES floats, for the file of one instruction set. That file defines before this
// one:
//
//   LODE_LANES       floats of a register: 4, 8 or 16
//   LODE_TARGET      the target attribute of every function, or nothing
//
// and after it `load_tail(p, n)`: the first n < LODE_LANES floats at p, with zeros after them. It
// reads no floats behind these. Then come rows.h, panels.h and signatures.h.
#include "kernels.h"

#define INLINE static inline __attribute__((always_inline)) LODE_TARGET

typedef float float4 __attribute__((ext_vector_type(4)));
typedef int32_t mask4 __attribute__((ext_vector_type(4)));
typedef float float8 __attribute__((ext_vector_type(8)));
typedef float lanes __attribute__((ext_vector_type(LODE_LANES)));
typedef int32_t lane_masks __attribute__((ext_vector_type(LODE_LANES)));
// The same types for floats in memory, which are aligned like a float only.
typedef float4 unaligned_float4 __attribute__((aligned(4), may_alias));
typedef lanes unaligned_lanes __attribute__((aligned(4), may_alias));

INLINE lanes load(const float *p) { return *(const unaligned_lanes *)p; }

INLINE float4 load4(const float *p) {
    float4 v = {p[0], p[1], p[2], p[3]};
    return v;
}

INLINE void store4(float *p, float4 v, size_t n) {
    if (n == 4) {
        *(unaligned_float4 *)p = v;
    } else {
        for (size_t i = 0; i < n; i++) p[i] = v[i];
    }
}

// Adds the halves of a register onto each other until four sums are left.
INLINE float4 fold(lanes v) {
#if LODE_LANES == 16
    float8 half = v.lo + v.hi;
    return half.lo + half.hi;
#elif LODE_LANES == 8
    return v.lo + v.hi;
#else
    return v;
#endif
}

// The sums of the lanes of a, b, c and d.
INLINE float4 sum4(lanes a, lanes b, lanes c, lanes d) {
    float4 a4 = fold(a), b4 = fold(b), c4 = fold(c), d4 = fold(d);
    float4 ab = __builtin_shufflevector(a4, b4, 0, 4, 1, 5)
        + __builtin_shufflevector(a4, b4, 2, 6, 3, 7);
    float4 cd = __builtin_shufflevector(c4, d4, 0, 4, 1, 5)
        + __builtin_shufflevector(c4, d4, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5)
        + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}
