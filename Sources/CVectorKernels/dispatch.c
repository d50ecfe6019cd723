// SPDX-License-Identifier: Apache-2.0
// The choice of the kernels for this processor.
#include "kernels.h"

#include <stdatomic.h>

const lode_kernels *lode_kernels_for(lode_isa isa) {
    switch (isa) {
    case LODE_ISA_SCALAR:
        return &lode_scalar_kernels;
#if defined(__x86_64__)
    case LODE_ISA_AVX2:
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return NULL;
        return &lode_avx2_kernels;
    case LODE_ISA_AVX512:
        return __builtin_cpu_supports("avx512f") ? &lode_avx512_kernels : NULL;
#elif defined(__aarch64__)
    case LODE_ISA_NEON:
        return &lode_neon_kernels;
#endif
    default:
        return NULL;
    }
}

static _Atomic int limit = LODE_ISA_AVX512;

void lode_limit_isa(lode_isa most) { atomic_store_explicit(&limit, most, memory_order_relaxed); }

int lode_isa_may_be_used(lode_isa isa) {
    return (int)isa <= atomic_load_explicit(&limit, memory_order_relaxed);
}

const lode_kernels *lode_kernels_best(void) {
    // Threads that choose at the same time choose the same tables, so the race between them is
    // harmless. The tables are constants, so relaxed order is enough.
    static _Atomic(const lode_kernels *) chosen;
    const lode_kernels *best = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (best) return best;

    static const lode_isa fastest_first[] = {LODE_ISA_AVX512, LODE_ISA_AVX2, LODE_ISA_NEON};
    for (size_t i = 0; i < sizeof fastest_first / sizeof *fastest_first && !best; i++) {
        if (lode_isa_may_be_used(fastest_first[i])) best = lode_kernels_for(fastest_first[i]);
    }
    if (!best) best = &lode_scalar_kernels;
    atomic_store_explicit(&chosen, best, memory_order_relaxed);
    return best;
}
