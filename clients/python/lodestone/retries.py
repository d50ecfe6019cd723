# SPDX-License-Identifier: Apache-2.0
"""When a call is tried again."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from lodestone.errors import Code, LodestoneError, Outcome


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how long to wait in between. ``attempts`` 1 means: never again."""

    attempts: int = 4
    #: The wait before attempt n + 1 is random, up to ``first_wait`` x 2^(n-1) seconds.
    first_wait: float = 0.1
    longest_wait: float = 2.0

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
        return random.uniform(0, min(self.first_wait * 2 ** (attempt - 1), self.longest_wait))


class RetryBudget:
    """Keeps many failing calls from tripling the load: below half, nothing is tried again.

    A failure takes one token of ten, a success gives a tenth of one back.
    """

    def __init__(self) -> None:
        self._tokens = 10.0
        self._lock = threading.Lock()

    def succeeded(self) -> None:
        with self._lock:
            self._tokens = min(10.0, self._tokens + 0.1)

    def failed(self) -> bool:
        """Notes a failure; whether it may be tried again."""
        with self._lock:
            self._tokens = max(0.0, self._tokens - 1)
            return self._tokens > 5
