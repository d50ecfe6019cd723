// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "lode_memory.h"

#include <string.h>

bool lode_contains(const void *bytes, size_t count, const void *part, size_t part_count) {
    return part_count == 0 || memmem(bytes, count, part, part_count) != NULL;
}
