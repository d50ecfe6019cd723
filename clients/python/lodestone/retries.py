# SPDX-License-Identifier: Apache-2.0
"""The policy for retries."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from lodestone.errors import Code, LodestoneError, Outcome, invalid


@dataclass(frozen=True)
class RetryPolicy:
    """The number of attempts of a call, and the waits between them, all within its deadline.

    An attempt is a call that the server may have begun. Without a connection, or when the server
    stops without having begun the call, the call waits for another connection until its deadline.
    Such a wait does not count as an attempt. With ``attempts`` 1 there is no second try at all, not
    even if the server can't be reached.

    When many calls of a client fail, retries end earlier, so that they don't add to the load of a
    failing server. They end after as many failures as ``attempts``, at least 5; ten successful
    calls compensate for one failure. A broken connection is one failure, for any number of calls. A
    failure for which the server names a time to retry does not count.
    """

    attempts: int = 4
    #: The wait before attempt n + 1 is random, up to ``first_wait`` x 2^(n-1) seconds.
    first_wait: float = 0.1
    longest_wait: float = 2.0

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise invalid(
                "BAD_ARGUMENT",
                f"attempts is {self.attempts!r}.",
                "Give a whole number from 1 on; 1 means: never again.",
                "attempts",
            )

    def wait(self, attempt: int, error: LodestoneError) -> float | None:
        """Seconds to wait after ``attempt`` attempts; None: give up."""
        if attempt >= self.attempts or error.outcome is Outcome.APPLIED:
            return None
        if error.code is Code.RESOURCE_EXHAUSTED and error.retry_after is None:
            return None
        if error.code not in (Code.UNAVAILABLE, Code.ABORTED, Code.RESOURCE_EXHAUSTED):
            return None
        if error.retry_after is not None:
            return error.retry_after
        # Doubling stops before a float overflows; the longest wait is reached long before.
        doubled = self.first_wait * 2.0 ** min(attempt - 1, 64)
        return random.uniform(0, min(doubled, self.longest_wait))


class RetryBudget:
    """A limit on retries when many calls fail: with half of its tokens or fewer, no retries.

    A failure costs one token, and a success returns a tenth of one. A full budget suffices for all
    attempts of one call.
    """

    def __init__(self, attempts: int = 4) -> None:
        self._most = float(max(10, 2 * attempts))
        self._tokens = self._most
        self._lock = threading.Lock()

    @property
    def allows_retry(self) -> bool:
        return self._tokens > self._most / 2

    def succeeded(self) -> None:
        if self._tokens == self._most:
            return
        with self._lock:
            self._tokens = min(self._most, self._tokens + 0.1)

    def failed(self) -> bool:
        """Records a failure; returns whether it may be retried."""
        with self._lock:
            self._tokens = max(0.0, self._tokens - 1)
            return self._tokens > self._most / 2
