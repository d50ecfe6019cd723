// SPDX-License-Identifier: Apache-2.0
#ifndef LODE_THREAD_H
#define LODE_THREAD_H

/// The event loop that this thread runs; NULL when it runs none.
///
/// Every message needs it twice, and Dispatch's own marks of queues take longer to read.
const void *lode_thread_loop(void);
void lode_thread_set_loop(const void *loop);

#endif
