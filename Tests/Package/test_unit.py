# SPDX-License-Identifier: Apache-2.0
"""Checks the systemd unit."""

import pathlib
import shutil
import subprocess

import pytest

UNIT = pathlib.Path(__file__).resolve().parents[2] / "deploy/lodestone.service"


def analyze(*arguments):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("SKIPPED: there is no systemd-analyze here")
    done = subprocess.run(
        ["systemd-analyze", *arguments, str(UNIT)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_no_mistake_in_the_unit():
    # Only the installed package has the program.
    complaints = analyze("verify", "--man=no")[1].splitlines()
    assert [line for line in complaints if "is not executable" not in line] == []


def test_the_unit_confines_the_server():
    # 1.2 of 10 is left: the server needs sockets, and priorities of its threads.
    status, report = analyze("security", "--offline=true", "--threshold=13")
    assert status == 0, report
