// SPDX-License-Identifier: Apache-2.0
// Angles between records, eight at a time, for the instructions of TARGET, which include AVX2.
#ifndef LODE_ANGLES_H
#define LODE_ANGLES_H

TARGET static int any_nearer(const uint32_t *keys, size_t count, lode_angles angles, float limit) {
    __m256i key = _mm256_loadu_si256((const __m256i *)keys);
    __m256i top = _mm256_set1_epi32((int)0x80000000);
    // Flips all bits of a key below 0x80000000, and only the highest bit of any other key.
    __m256i turned = _mm256_or_si256(
        _mm256_andnot_si256(_mm256_srai_epi32(key, 31), _mm256_set1_epi32(-1)), top);
    __m256 value = _mm256_castsi256_ps(_mm256_xor_si256(key, turned));
    __m256 difference =
        _mm256_sub_ps(_mm256_set1_ps(angles.length), _mm256_loadu_ps(angles.lengths));
    value = _mm256_add_ps(
        _mm256_fnmadd_ps(difference, difference, value), _mm256_set1_ps(angles.shift));
    __m256 factor = _mm256_mul_ps(_mm256_set1_ps(angles.factor), _mm256_loadu_ps(angles.factors));
    __m256 result = _mm256_fmadd_ps(value, factor, _mm256_set1_ps(angles.base));
    __m256 isNothing = _mm256_cmp_ps(factor, _mm256_setzero_ps(), _CMP_EQ_OQ);
    result = _mm256_blendv_ps(result, _mm256_set1_ps(1), isNothing);
    int nearer = _mm256_movemask_ps(_mm256_cmp_ps(result, _mm256_set1_ps(limit), _CMP_LT_OQ));
    return (nearer & ((1 << count) - 1)) != 0;
}

#endif
