# SPDX-License-Identifier: Apache-2.0
"""Runs README.md's Python program against a real server, and compares its output."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = os.environ.get("LODESTONE_SERVER", str(ROOT / ".build/debug/lodestoned"))


def test_the_python_program_of_the_readme_prints_what_it_says(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    after = readme.split("```python\n", 1)[1]
    program, rest = after.split("```", 1)
    expected = re.search(r"```text\n(.*?)```", rest, re.DOTALL)[1]
    server = subprocess.Popen(
        [SERVER, "--data", str(tmp_path / "store"), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = server.stdout.readline()
        assert line.startswith("listening on "), line
        address = line.split()[-1]
        done = subprocess.run(
            [sys.executable, "-c", program, address], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == expected
    finally:
        server.terminate()
        server.wait(timeout=30)
