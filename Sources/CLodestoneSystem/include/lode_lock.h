// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_LOCK_H
#define LODE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/// Locks one byte of a file for its descriptor alone, also against other descriptors of the same
/// process. The older locks of `fcntl` belong to a process.
///
/// @param shared Whether others may share the lock, which is enough for a file opened for reading
/// only.
/// @return 0, or -1 with `errno`, EAGAIN when another descriptor has the lock. The lock ends with
/// the descriptor.
int lode_lock_byte(int file, int64_t offset, bool shared);

#endif
