// SPDX-License-Identifier: Apache-2.0
// A rotation by eight elements at a time, for the instructions of TARGET.
//
// It adds up in the same order as the definition in code_scalar.c, so the results have the same
// bits.
#ifndef LODE_ROTATION_H
#define LODE_ROTATION_H

typedef float eight __attribute__((vector_size(32), aligned(4)));

// Combines the pairs of elements i and i ^ half: element i of the result is the sum of its pair
// where `i & half` is 0, else the difference.
#define LODE_PAIRS(v, half)                                                                       \
    (__builtin_shufflevector(                                                                     \
         v, v, 0 ^ half, 1 ^ half, 2 ^ half, 3 ^ half, 4 ^ half, 5 ^ half, 6 ^ half, 7 ^ half)    \
     + v * signs_##half)

TARGET static void rotate(float *x, size_t count, size_t width, const float *factors) {
    const eight signs_1 = {1, -1, 1, -1, 1, -1, 1, -1}, signs_2 = {1, 1, -1, -1, 1, 1, -1, -1};
    const eight signs_4 = {1, 1, 1, 1, -1, -1, -1, -1};
    if (width < 8) {
        lode_rotate_scalar(x, count, width, factors);
        return;
    }
    for (size_t round = 0; round < LODE_ROTATION_ROUNDS; round++, factors += count) {
        float *part = round % 2 ? x + (count - width) : x;
        for (size_t i = 0; i < count; i++) x[i] *= factors[i];
        for (size_t i = 0; i < width; i += 8) {
            eight v = *(eight *)(part + i);
            v = LODE_PAIRS(v, 1);
            v = LODE_PAIRS(v, 2);
            *(eight *)(part + i) = LODE_PAIRS(v, 4);
        }
        for (size_t half = 8; half < width; half *= 2) {
            for (size_t start = 0; start < width; start += 2 * half) {
                for (size_t i = start; i < start + half; i += 8) {
                    eight a = *(eight *)(part + i), b = *(eight *)(part + i + half);
                    *(eight *)(part + i) = a + b;
                    *(eight *)(part + i + half) = a - b;
                }
            }
        }
    }
}

#endif
