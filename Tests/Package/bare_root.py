# SPDX-License-Identifier: Apache-2.0
"""A bare Debian root, in which a package is installed, started and purged as on a machine."""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys

UNIT = "lib/systemd/system/lodestone.service"


def make_archive(path):
    """Makes an archive of Debian's smallest system with apt, in some minutes."""
    codename = re.search(
        r"^VERSION_CODENAME=(.*)$", pathlib.Path("/etc/os-release").read_text(), re.MULTILINE
    )[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new.tar")
    subprocess.run(
        # The lists of packages stay in it: apt installs the package's dependencies by them.
        ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt/lists"]
        + [codename, str(unfinished)],
        check=True,
    )
    unfinished.rename(path)


HOLDER = """
import fcntl, signal, socket, struct
# The network of the root has only this machine, and its ports are its own.
up = struct.pack("16sh", b"lo", 0x1)
fcntl.ioctl(socket.socket(), 0x8914, up)
print("ready", flush=True)
signal.pause()
"""


class Root:
    """The root in a folder of memory, with its own mounts, processes and ports.

    All of them end with `close`.
    """

    def __init__(self, archive, folder):
        self.path = pathlib.Path(folder)
        self.path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "lodestone", str(self.path)], check=True)
        subprocess.run(["tar", "-xpf", str(archive), "-C", str(self.path)], check=True)
        # apt resolves the names of its sources as this machine does.
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
            + [sys.executable, "-c", HOLDER],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.holder.stdout.readline() == "ready\n"
        self.first = only_child(self.holder.pid)
        self.run("mount", "-t", "proc", "proc", "/proc")

    def close(self):
        self.holder.kill()
        self.holder.wait()
        # A process that was killed may hold the folder for a moment more.
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
        self.path.rmdir()

    def command(self, arguments, hasInternet=False):
        spaces = ["--mount", "--pid"] + ([] if hasInternet else ["--net"])
        enter = ["nsenter", "--target", str(self.first), *spaces]
        return [*enter, "chroot", str(self.path), *arguments]

    def run(self, *arguments, status=0, timeout=600, **variables):
        """Runs a program in the root, and returns its output."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        done = subprocess.run(
            self.command(list(arguments), hasInternet=arguments[0] == "apt-get"),
            capture_output=True,
            text=True,
            env=environment | variables,
            timeout=timeout,
        )
        if status is not None:
            assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def install(self, package):
        shutil.copy(package, self.path / "tmp")
        self.run(
            # A changed configuration file is kept without a question, as an unattended upgrade does.
            *["apt-get", "install", "--yes", "--no-install-recommends"],
            *["-o", "DPkg::Options::=--force-confold", f"/tmp/{package.name}"],
        )

    def unit(self, key):
        """The values of a key of the unit, in order."""
        text = (self.path / UNIT).read_text(encoding="utf-8")
        return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)

    @contextlib.contextmanager
    def started(self):
        """The service, started by the unit's own line as its user, until it is stopped.

        Yields the lines of status that the server sent.
        """
        [line], [user] = self.unit("ExecStart"), self.unit("User")
        log = self.path / "tmp/lodestoned.log"
        folder = os.open(self.path / "run", os.O_RDONLY)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            # The address of a socket is short, and the path of a test's folder is not.
            supervisor.bind(f"/proc/self/fd/{folder}/notify")
            os.close(folder)
            (self.path / "run/notify").chmod(0o666)
            supervisor.settimeout(60)
            with open(log, "wb") as output:
                process = subprocess.Popen(
                    self.command(
                        ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
                        + ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
                        + ["env", "-i", "NOTIFY_SOCKET=/run/notify"]
                        + shlex.split(line)
                    ),
                    stdout=output,
                    stderr=output,
                    umask=0o077,
                )
            try:
                try:
                    ready = supervisor.recv(4_096).decode()
                except TimeoutError:
                    ready = "nothing within 60 s"
                assert ready.startswith("READY=1\n"), f"{ready}\n{log.read_text()}"
                yield ready
                os.kill(only_child(process.pid), signal.SIGTERM)
                assert process.wait(timeout=60) == 0, log.read_text()
                assert supervisor.recv(4_096).decode().startswith("STOPPING=1\n")
            finally:
                (self.path / "run/notify").unlink()
                if process.poll() is None:
                    os.kill(only_child(process.pid), signal.SIGKILL)
                    process.wait()

    def files(self, *folders):
        """All paths under folders of the root, without those of the system's own caches and logs."""
        found = set()
        for folder in folders:
            for path in (self.path / folder).rglob("*"):
                found.add("/" + str(path.relative_to(self.path)))
        return found


def only_child(number):
    """The child of a process that waits for it, as nsenter and unshare do."""
    return int(pathlib.Path(f"/proc/{number}/task/{number}/children").read_text().split()[0])


def missing_tools(*names):
    missing = [name for name in names if shutil.which(name) is None]
    if os.geteuid() != 0:
        missing.append("the rights of root")
    return missing
