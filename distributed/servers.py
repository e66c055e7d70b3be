"""PostgreSQL and Redis of this machine: found, installed where they are missing, and a new cluster."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from embedded.processes import StackError

#: Debian package by the program that it brings
_PACKAGES = {"initdb": "postgresql", "redis-server": "redis-server", "redis-cli": "redis-tools"}
_TOOLS = {"unshare": "util-linux", "curl": "curl"}
_INSTALL_SECONDS = 300


def programs(report: Callable[[str], None]) -> tuple[str, ...]:
    """Return the folders of PostgreSQL's programs; installs what is missing.

    :raises StackError: if something is missing and cannot be installed
    """
    missing = [package for name, package in (_PACKAGES | _TOOLS).items() if not _folder_of(name)]
    if missing:
        _install(missing, report)
    folders = {name: _folder_of(name) for name in _PACKAGES | _TOOLS}
    if left := [name for name, folder in folders.items() if folder is None]:
        raise StackError(f"not found, although its package was installed: {', '.join(left)}")
    return (str(folders["initdb"]),)


def _folder_of(program: str) -> Path | None:
    # Debian keeps a server's programs off the path, by version.
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda file: float(file.parts[4])
    )
    if found:
        return found[-1].parent
    where = shutil.which(program)
    return Path(where).parent if where else None


def _install(packages: list[str], report: Callable[[str], None]) -> None:
    names = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StackError(
            f"Missing here: {names}. Install these packages (Debian: apt-get install {names}), or run this as root on "
            "Debian, where it installs them itself."
        )
    report(f"installing {names}")
    # With this run level no package starts a server of its own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", *packages]):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
        if done.returncode:
            raise StackError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


class Cluster:
    """A new PostgreSQL cluster with the compose file's user, database and password, in a folder of its own.

    PostgreSQL does not run as root: then it is the user ``postgres`` of its package.
    """

    def __init__(self, folder: str, user: str, password: str) -> None:
        self._programs = Path(folder)
        self._home = Path(tempfile.mkdtemp(prefix="distributed-postgres-"))
        account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._as = (
            () if account is None else ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        )
        secret = self._home / "password"
        secret.write_text(password)
        if account is not None:
            for each in (self._home, secret):
                os.chown(each, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "-D", self._data, "-U", user, f"--pwfile={secret}", "-A", "scram-sha-256", "-E", "UTF8"
        )
        secret.unlink()

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    def command(self, port: int) -> list[str]:
        """Return the command of its server."""
        program = str(self._programs / "postgres")
        return [
            *self._as,
            program,
            "-D",
            self._data,
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            str(self._home),
        ]

    def remove(self) -> None:
        """Delete its files; its server has ended."""
        shutil.rmtree(self._home)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        done = subprocess.run(
            command, cwd=self._home, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise StackError(f"{program} failed:\n{done.stdout}{done.stderr}")
