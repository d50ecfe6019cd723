# SPDX-License-Identifier: Apache-2.0
"""Errors, which say whether anything was written and what to do."""

from __future__ import annotations

import enum
from typing import Any


class Code(enum.IntEnum):
    """The kind of failure, with gRPC's numbers."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class Outcome(enum.IntEnum):
    """The effect of a failed call."""

    NOT_APPLIED = 0
    APPLIED = 1
    UNKNOWN = 2


class LodestoneError(Exception):
    """A call that failed, here or at the server.

    Decide by ``outcome`` first. After ``NOT_APPLIED`` a call may be repeated if the code permits
    it; after ``UNKNOWN`` only with the same request id, or after a read.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        message: str,
        recovery: str = "",
        outcome: Outcome = Outcome.NOT_APPLIED,
        retry_after: float | None = None,
        field: str | None = None,
        object: str | None = None,
        sequence_number: int | None = None,
    ) -> None:
        super().__init__(f"{message} {recovery} [{code.name} {reason}]")
        self.code = code
        #: A stable word for programs, upper case: ``FRAME_TOO_LARGE``.
        self.reason = reason
        #: The failure, with the relevant values.
        self.message = message
        #: Advice on what to do next.
        self.recovery = recovery
        self.outcome = outcome
        #: Seconds after which the client may repeat the call; None: the server names no time.
        self.retry_after = retry_after
        #: The field of the request at fault, as a path: ``queries[2].limit``.
        self.field = field
        #: The collection, document or file that the error concerns.
        self.object = object
        self.sequence_number = sequence_number


    def with_outcome(self, outcome: Outcome) -> LodestoneError:
        """A copy of the error with another outcome, ready to be raised."""
        copy = type(self)(*self._arguments())
        copy.outcome = outcome
        return copy

    def __reduce__(self) -> tuple[object, ...]:
        # Processes pass errors to each other pickled, as multiprocessing does.
        return type(self), self._arguments()

    def _arguments(self) -> tuple[Any, ...]:
        return (
            self.code,
            self.reason,
            self.message,
            self.recovery,
            self.outcome,
            self.retry_after,
            self.field,
            self.object,
            self.sequence_number,
        )


class InvalidArgument(LodestoneError, ValueError):
    """An argument that is refused before it is sent."""


def invalid(
    reason: str,
    message: str,
    recovery: str,
    field: str | None = None,
    object: str | None = None,
) -> InvalidArgument:
    """An argument that is refused before it is sent."""
    return InvalidArgument(
        Code.INVALID_ARGUMENT, reason, message, recovery, field=field, object=object
    )
