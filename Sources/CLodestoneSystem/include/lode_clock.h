// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_CLOCK_H
#define LODE_CLOCK_H

#include <stdint.h>

/// Nanoseconds of a clock that never goes back and goes on while the machine sleeps: the clock of
/// Swift's ContinuousClock.
int64_t lode_clock_now(void);

#endif
