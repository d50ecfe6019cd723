// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_PROCESSORS_H
#define LODE_PROCESSORS_H

/// The number of processors that this process may keep busy, at least 1.
///
/// The process's affinity mask and the quota of its control group bound the number.
int lode_processor_count(void);

#endif
