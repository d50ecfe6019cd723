// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "lode_clock.h"

#include <time.h>

int64_t lode_clock_now(void) {
#ifdef __APPLE__
    return (int64_t)clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW);
#else
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
#endif
}
