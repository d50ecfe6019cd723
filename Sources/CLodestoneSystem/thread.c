// SPDX-License-Identifier: Apache-2.0
#include "lode_thread.h"

#include <stddef.h>

static _Thread_local const void *running_loop = NULL;

const void *lode_thread_loop(void) { return running_loop; }

void lode_thread_set_loop(const void *loop) { running_loop = loop; }
