# SPDX-License-Identifier: Apache-2.0
"""Builds the container image from the Debian package, and runs its server and its health check."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess

import pytest
from bare_root import missing_tools
from test_package import RELEASE, ROOT, package

TOKEN = "0123456789abcdef0123456789abcdef"


class Builder:
    """buildah with a storage of its own."""

    def __init__(self, folder):
        settings = folder / "storage.conf"
        settings.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
        )
        self.environment = os.environ | {
            "CONTAINERS_STORAGE_CONF": str(settings),
            "BUILDAH_ISOLATION": "chroot",
        }

    def run(self, *command, status=0):
        done = subprocess.run(
            command, capture_output=True, text=True, env=self.environment, timeout=900
        )
        assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    missing = missing_tools("buildah", "mmdebstrap")
    if missing:
        pytest.skip(f"SKIPPED: no image without {', '.join(missing)}")
    builder = Builder(tmp_path_factory.mktemp("storage"))
    builder.run(str(ROOT / "deploy/image.sh"), str(package(RELEASE)), "lodestone:test")
    return builder


@pytest.fixture
def container(builder):
    name = builder.run("buildah", "from", "lodestone:test")
    yield name
    builder.run("buildah", "rm", name)


def image(builder):
    return json.loads(builder.run("buildah", "inspect", "--type", "image", "lodestone:test"))


def test_the_image_runs_a_server_that_its_health_check_finds(builder, container, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"admin {TOKEN}\n")
    tokens.chmod(0o600)
    os.chown(tokens, 5633, 5633)
    # pytest's own folders are closed to others than their owner.
    for folder in [tmp_path, *tmp_path.parents[:2]]:
        folder.chmod(0o711)
    options = ["--volume", f"{tokens}:/etc/lodestone/tokens:ro"]
    options += ["--env", "LODESTONE_LISTEN=127.0.0.1:0"]
    configuration = image(builder)["OCIv1"]["config"]
    server = subprocess.Popen(
        ["buildah", "run", *options, container, "--", *configuration["Entrypoint"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=builder.environment,
        start_new_session=True,
    )
    with stopped(server):
        line = server.stdout.readline()
        assert line.startswith("listening on "), line + server.stderr.read()
        health = image(builder)["Docker"]["config"]["Healthcheck"]["Test"][1:]
        call = ["buildah", "run", "--env", f"LODESTONE_ADDRESS={line.split()[-1]}"]
        builder.run(*call, "--env", f"LODESTONE_TOKEN={TOKEN}", container, "--", *health)
        builder.run(*call, container, "--", *health, status=77)
        assert users_of(server.pid)["lodestoned"] == 5633, "the server must not run as root"


def users_of(number):
    """The names of a process and of all below it, with their users."""
    folder = pathlib.Path(f"/proc/{number}")
    users = {(folder / "comm").read_text().strip(): folder.stat().st_uid}
    for task in (folder / "task").iterdir():
        for child in (task / "children").read_text().split():
            users |= users_of(child)
    return users


@contextlib.contextmanager
def stopped(process):
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_image_has_no_shell_and_nothing_of_the_machine_that_made_it(builder, container):
    folder = pathlib.Path(builder.run("buildah", "mount", container))
    programs = {
        str(path.relative_to(folder))
        for place in ["bin", "sbin", "usr/bin", "usr/sbin"]
        for path in (folder / place).glob("*")
    }
    assert programs == {"usr/bin/lodestone", "usr/bin/lodestoned"}
    assert not (folder / "etc/hostname").exists()
    assert not (folder / "etc/apt").exists()
    assert not (folder / "etc/lodestone/tokens").exists(), "an image must bring no token"
    megabytes = sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6
    assert megabytes < 200, f"the image has {megabytes:.0f} MB"
