// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_LOCK_H
#define LODE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/// Locks one byte of a file for its descriptor alone, also against other descriptors of the same
/// process: unlike `fcntl`'s older locks, which a process has as a whole.
///
/// @param shared Whether others may share it; enough for a file that is open for reading only.
/// @return 0, or -1 with `errno`, EAGAIN when somebody else has it. The lock ends with the descriptor.
int lode_lock_byte(int file, int64_t offset, bool shared);

#endif
