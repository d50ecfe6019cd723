// SPDX-License-Identifier: Apache-2.0
#include "lode_memory.h"

#ifdef __GLIBC__
#include <malloc.h>

void lode_memory_trim(void) { malloc_trim(0); }
#else
void lode_memory_trim(void) {}
#endif
