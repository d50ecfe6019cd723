// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_PROCESSORS_H
#define LODE_PROCESSORS_H

/// Processors that this process may keep busy, at least 1: those of its affinity mask, and no more
/// than its control group grants the time of.
int lode_processor_count(void);

#endif
