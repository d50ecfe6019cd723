// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_SUPERVISOR_H
#define LODE_SUPERVISOR_H

/// Sends one datagram to a Unix socket: a path, or an abstract name that begins with `@`.
///
/// It waits at most 5 s for room in the receiver's queue. Returns 0, or a negative errno.
int lode_supervisor_tell(const char *address, const char *message);

#endif
