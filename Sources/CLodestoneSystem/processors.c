// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "lode_processors.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#ifdef __linux__
// The number of processors in the affinity mask; 0 when the system doesn't tell.
static long allowed(void) {
    // The kernel refuses a mask that is too short for its processors.
    for (int bits = 1024; bits <= 1 << 20; bits *= 4) {
        cpu_set_t *set = CPU_ALLOC(bits);
        if (set == NULL) return 0;
        size_t size = CPU_ALLOC_SIZE(bits);
        long count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0) return count;
    }
    return 0;
}

// The processors that the control group's quota grants, rounded up; 0 without a quota.
static long granted(void) {
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file == NULL) return 0;
    long quota = 0, period = 0;
    // The file has "max 100000" without a limit.
    int read = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    return read == 2 && quota > 0 && period > 0 ? (quota + period - 1) / period : 0;
}
#else
static long allowed(void) { return 0; }
static long granted(void) { return 0; }
#endif

int lode_processor_count(void) {
    long count = allowed();
    if (count <= 0) count = sysconf(_SC_NPROCESSORS_ONLN);
    long quota = granted();
    if (quota > 0 && quota < count) count = quota;
    return count > 0 ? (int)count : 1;
}
