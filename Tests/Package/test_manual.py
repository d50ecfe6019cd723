# SPDX-License-Identifier: Apache-2.0
"""Compares the manual pages with the help of the programs, and reads them with groff."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("LODESTONE_PROGRAMS", ROOT / ".build/debug"))
SECTIONS = {"lodestone": 1, "lodestoned": 8}


def run(program, *arguments, **options):
    done = subprocess.run(
        [str(PROGRAMS / program), *arguments], capture_output=True, text=True, timeout=60, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    for program, section in SECTIONS.items():
        subprocess.run(
            [sys.executable, str(ROOT / "deploy/man.py"), "--section", str(section)]
            + ["--version", "1.2.3", str(folder)],
            input=run(program, "--experimental-dump-help"),
            text=True,
            check=True,
        )
    return {path.name: path for path in folder.iterdir()}


def commands(program, words=()):
    """All commands of a program by its help, as lists of words."""
    yield [program, *words]
    help = run(program, *words, "--help")
    section = help.split("SUBCOMMANDS:", 1)[1] if "SUBCOMMANDS:" in help else ""
    for name in re.findall(r"^  ([a-z-]+)(?: |$)", section, re.MULTILINE):
        yield from commands(program, (*words, name))


@pytest.mark.parametrize("program", sorted(SECTIONS))
def test_each_command_has_a_page_with_all_of_its_options(program, pages):
    expected = list(commands(program))
    for words in expected:
        page = pages["-".join(words) + f".{SECTIONS[program]}"].read_text(encoding="utf-8")
        help = run(program, *words[1:], "--help").split("OPTIONS:", 1)[1].split("SUBCOMMANDS:", 1)[0]
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help, re.MULTILINE))
        assert options >= {"--help"}
        missing = {option for option in options if option.replace("-", "\\-") not in page}
        assert not missing, f"{words} lacks {missing}"
    own = {name for name in pages if name.endswith(f".{SECTIONS[program]}")}
    assert len(own) == len(expected), "a page without a command"


def test_groff_reads_every_page_without_a_warning(pages):
    if shutil.which("groff") is None:
        pytest.skip("SKIPPED: there is no groff here")
    for name, path in sorted(pages.items()):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", "-Kutf8", "-P-cbu", "-rLL=100n", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{name}: {done.stderr}"
        assert "NAME" in done.stdout and "SEE ALSO" in done.stdout


def test_a_page_shows_signs_that_troff_would_take_for_commands(pages):
    if shutil.which("groff") is None:
        pytest.skip("SKIPPED: there is no groff here")
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-P-cbu", "-rLL=200n"]
        + [str(pages["lodestone-import.1"])],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert '{"$timestamp": "2026-01-31T12:00:00Z"}' in shown
    assert "A .npy, .f16 or .f32 file of vectors." in shown
    assert "the field 'id'" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("program", sorted(SECTIONS))
def test_a_program_writes_completions_that_its_shell_reads(program, shell, tmp_path):
    script = tmp_path / "completions"
    script.write_text(run(program, "--generate-completion-script", shell), encoding="utf-8")
    assert "--help" in script.read_text(encoding="utf-8") or shell == "fish"
    if shutil.which(shell) is None:
        pytest.skip(f"SKIPPED: there is no {shell} here to read the completions")
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
