# SPDX-License-Identifier: Apache-2.0
"""Every kind of trouble for a moment; ``make chaos-python`` has more of it."""

from __future__ import annotations

import pytest

from chaos import MODES, chaos
from conftest import Server


@pytest.mark.parametrize("mode", MODES)
def test_forks_interrupts_restarts_and_stops_cause_no_fault(server: Server, mode: str) -> None:
    # A machine that is busy with other things may be late itself.
    tally = chaos(server, mode, 3, grace=1)
    assert not tally.faults
    assert tally.calls > 64
