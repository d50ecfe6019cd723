// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_PROCESSORS_H
#define LODE_PROCESSORS_H

/// The number of processors that this process may keep busy, at least 1.
///
/// Its affinity mask bounds the number, and so does the time that its control group grants.
int lode_processor_count(void);

#endif
