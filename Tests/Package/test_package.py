# SPDX-License-Identifier: Apache-2.0
"""Installs the Debian package on a bare root, starts it, upgrades it with data, and purges it.

``make test-package`` builds the package of this release, and one of a lower version.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from bare_root import Root, make_archive, missing_tools

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = pathlib.Path(os.environ.get("LODESTONE_PACKAGES", ROOT / ".build/package"))
RELEASE = re.search(
    r'release = "(.*)"',
    (ROOT / "Sources/LodestoneCore/Calls/Version.swift").read_text(encoding="utf-8"),
)[1]
EARLIER = "0.0.1"


def package(version):
    found = sorted(FOLDER.glob(f"lodestone_{version}_*.deb"))
    if not found:
        pytest.skip(f"SKIPPED: no package {version} in {FOLDER}; `make test-package` makes it")
    return found[0]


@pytest.fixture(scope="session")
def archive():
    package(RELEASE)
    missing = missing_tools("mmdebstrap", "unshare", "tar")
    if missing:
        pytest.skip(f"SKIPPED: no bare root without {', '.join(missing)}")
    path = FOLDER / "root.tar"
    if not path.exists():
        make_archive(path)
    return path


@pytest.fixture
def root(archive, tmp_path):
    root = Root(archive, tmp_path / "root")
    yield root
    root.close()


def token(root):
    return re.search(r"^admin (\S+)$", (root.path / "etc/lodestone/tokens").read_text())[1]


def first_question():
    """The commands of README.md, and what they print."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Installed as a package\n", 1)[1].split("\n## ", 1)[0]
    commands = re.findall(r"^    \$ ((?:echo|lodestone) .*)$", section, re.MULTILINE)
    after = section.split(commands[-1] + "\n", 1)[1]
    output = [line[4:] for line in after.split("\n\n", 1)[0].split("\n") if line.startswith("    ")]
    return commands, output


def ask(root, command):
    """Runs a command of README.md as its reader does, and returns its lines."""
    output = root.run("bash", "-c", f"cd /tmp && {command}", LODESTONE_TOKEN=token(root))
    # The time differs from run to run.
    return re.sub(r"in [0-9.]+ ms", "in … ms", output).rstrip("\n").split("\n")


def expected(output):
    return [re.sub(r"in [0-9.]+ ms", "in … ms", line) for line in output]


def test_a_package_answers_the_first_question_and_leaves_nothing_once_it_is_purged(root):
    before = root.files("etc", "usr", "var/lib", "lib")
    users = [(root.path / name).read_text() for name in ["etc/passwd", "etc/group"]]
    root.install(package(RELEASE))
    assert root.run("stat", "-c", "%U:%G %a", "/var/lib/lodestone") == "lodestone:lodestone 700\n"
    assert root.run("stat", "-c", "%U:%G %a", "/etc/lodestone/tokens") == "root:lodestone 640\n"
    commands, output = first_question()
    with root.started():
        for command in commands[:-1]:
            ask(root, command)
        assert ask(root, commands[-1]) == expected(output)
        # A caller without the token gets nothing.
        root.run("lodestone", "collections", status=77)
    store = root.files("var/lib/lodestone")
    assert "/var/lib/lodestone/lodestone.db" in store

    root.run("apt-get", "remove", "--yes", "lodestone")
    assert not (root.path / "usr/bin/lodestoned").exists()
    assert root.files("var/lib/lodestone") == store, "removing the package keeps the data"
    assert token(root)

    # Its dependencies go first, as they would stay otherwise.
    root.run("apt-get", "purge", "--yes", "lodestone")
    root.run("apt-get", "autoremove", "--yes", "--purge")
    left = {
        path
        for path in root.files("etc", "usr", "var/lib", "lib") - before
        if not re.match("/var/lib/(dpkg|apt)/|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$", path)
    }
    assert left == set()
    after = [(root.path / name).read_text() for name in ["etc/passwd", "etc/group"]]
    assert after == users


def test_an_upgrade_keeps_data_token_and_changed_settings(root):
    root.install(package(EARLIER))
    commands, output = first_question()
    with root.started():
        for command in commands:
            ask(root, command)
    tokens = (root.path / "etc/lodestone/tokens").read_text()
    settings = root.path / "etc/lodestone/lodestone.json"
    settings.write_text(settings.read_text().replace("127.0.0.1:5633", "unix:/tmp/lodestone.sock"))

    root.install(package(RELEASE))
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "lodestone") == RELEASE
    assert (root.path / "etc/lodestone/tokens").read_text() == tokens
    with root.started() as ready:
        assert "unix:/tmp/lodestone.sock" in ready, "the changed settings must be kept"
        address = {"LODESTONE_ADDRESS": "unix:/tmp/lodestone.sock"}
        answer = root.run(
            *["setpriv", "--reuid=lodestone", "--regid=lodestone", "--clear-groups"],
            *["bash", "-c", commands[-1]],
            LODESTONE_TOKEN=token(root),
            **address,
        )
        assert re.sub(r"in [0-9.]+ ms", "in … ms", answer).rstrip("\n").split("\n") == expected(output)


def test_an_upgraded_package_serves_a_store_of_each_earlier_format(root):
    if missing_tools("zstd"):
        pytest.skip("SKIPPED: there is no zstd here to unpack the stores")
    root.install(package(EARLIER))
    root.install(package(RELEASE))
    store = root.path / "var/lib/lodestone"
    formats = sorted((ROOT / "Tests/Formats").glob("v*/store.tar.zst"))
    assert formats
    for file in formats:
        for path in store.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        subprocess.run(["tar", "--zstd", "-xf", str(file), "-C", str(store)], check=True)
        root.run("chown", "-R", "lodestone:lodestone", "/var/lib/lodestone")
        root.run("chmod", "700", "/var/lib/lodestone")
        with root.started():
            found = ask(root, "lodestone search plain fox --json")
            assert [hit["id"] for hit in json.loads(found[0])["hits"]] == ["a"], file
            # A base of an earlier release may lack a section, which verification adds.
            root.run("lodestone", "verify", status=None, LODESTONE_TOKEN=token(root))
            root.run("lodestone", "verify", LODESTONE_TOKEN=token(root))


def test_an_administrator_who_removes_the_token_keeps_it_removed(root):
    root.install(package(EARLIER))
    (root.path / "etc/lodestone/tokens").unlink()
    root.install(package(RELEASE))
    assert not (root.path / "etc/lodestone/tokens").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell, root):
    root.install(package(RELEASE))
    files = {
        "bash": "usr/share/bash-completion/completions/lodestone",
        "zsh": "usr/share/zsh/vendor-completions/_lodestone",
        "fish": "usr/share/fish/vendor_completions.d/lodestone.fish",
    }
    script = "/" + files[shell]
    if shell != "bash":
        root.run("apt-get", "install", "--yes", "--no-install-recommends", shell)
    questions = {
        "bash": f"source {script}; COMP_WORDS=(lodestone sna); COMP_CWORD=1; COMP_LINE='lodestone sna'; "
        "COMP_POINT=${#COMP_LINE}; $(complete -p lodestone | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        'echo "${COMPREPLY[@]}"',
        "zsh": f"autoload -Uz compinit && compinit -u && whence -w _lodestone && zsh -n {script}",
        "fish": "complete --do-complete 'lodestone sna'",
    }
    answers = {"bash": "snapshot", "zsh": "_lodestone: function", "fish": "snapshot"}
    assert answers[shell] in root.run(shell, "-c", questions[shell])


def test_lintian_has_nothing_to_say():
    if missing_tools("lintian"):
        pytest.skip("SKIPPED: there is no lintian here")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0"]
        + [str(package(RELEASE))],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_package_depends_on_all_libraries_of_the_programs(root):
    root.install(package(RELEASE))
    for program in ["lodestone", "lodestoned"]:
        libraries = root.run("ldd", f"/usr/bin/{program}")
        assert "not found" not in libraries
        assert "swift" not in libraries.lower(), "the runtime of Swift is in no Debian package"
        assert root.run(program, "--version").strip() == RELEASE
