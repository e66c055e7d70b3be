"""A runbook's script in a shell of its own, with the real ``aws`` command line before a simulated AWS."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from drs_simulator.testing import Simulator

WEST = "111122223333"


def tool(name: str) -> str:
    """Return a program that the lock installs, or else one of the machine."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"{name} is not installed: make install"
    return found


@dataclass(frozen=True)
class Ended:
    """What a script left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shell:
    """Where scripts run: nothing of this machine but the ``aws`` command line, and keys of an account."""

    aws: Simulator
    folder: Path
    account: str = WEST

    @property
    def environment(self) -> dict[str, str]:
        keys = self.aws.credentials(self.account)
        return {
            "PATH": f"{Path(tool('aws')).parent}:{os.defpath}",
            "HOME": str(self.folder),
            "AWS_ENDPOINT_URL": self.aws.url or "",
            "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
            # What the script must not use once it has a role's credentials.
            "AWS_PROFILE": "default",
            "AWS_CONFIG_FILE": self._empty("config", "[default]\n"),
            "AWS_SHARED_CREDENTIALS_FILE": self._empty("credentials", "[default]\n"),
            "RUNBOOK_POLL_SECONDS": "0",
        }

    def _empty(self, name: str, text: str) -> str:
        file = self.folder / name
        file.write_text(text)
        return str(file)

    def run(self, script: Path, *words: str, answers: tuple[str, ...] = ()) -> Ended:
        """Run a script to its end."""
        done = subprocess.run(
            ["sh", str(script), *words],
            input="".join(f"{answer}\n" for answer in answers),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def run_until(self, script: Path, calls: int, *, operation: str, answers: tuple[str, ...]) -> None:
        """Run a script, and kill it with everything that it started once AWS was called that often."""
        with subprocess.Popen(
            ["sh", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=self.environment,
            text=True,
            start_new_session=True,
        ) as running:
            assert running.stdin is not None
            running.stdin.write("".join(f"{answer}\n" for answer in answers))
            running.stdin.flush()
            end = time.monotonic() + 120
            while len(self.aws.calls(operation)) < calls:
                assert running.poll() is None, "it ended before"
                assert time.monotonic() < end
                time.sleep(0.01)
            os.killpg(running.pid, signal.SIGKILL)
