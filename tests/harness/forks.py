"""Code and programs in forks of a process that has loaded what all of them need: starting Python anew costs seconds."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Evaluate = Callable[..., Any]

TIMEOUT_SECONDS = 300
_RESULT = "the result: "
#: A process that forks for each line of its input, and says at the end of a fork what came of it.
_FORKS = f"""
import json, os, sys, traceback
for line in sys.stdin:
    asked = json.loads(line)
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        if status:
            print("{_RESULT}null", flush=True)
        continue
    try:
        os.environ.update(asked["settings"])
        exec(asked["code"], names := {{}})
        print("{_RESULT}" + json.dumps([names["result"]]), flush=True)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
"""
_PROGRAM = """
import contextlib, io, sys
from {module} import main
sys.argv = {arguments!r}
code, printed, errors = None, io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
    try:
        main()
    except SystemExit as end:
        code = end.code
result = [code or 0, printed.getvalue(), errors.getvalue()]
"""


@contextmanager
def forking(code: str, environment: Mapping[str, str], folder: Path) -> Iterator[Evaluate]:
    """Give what runs code in a fork and returns what that leaves in ``result``; settings may be given for each.

    :param code: what the process loads before
    :param folder: where the process runs
    """
    command = [sys.executable, "-u", "-c", f"{code}\n{_FORKS}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=dict(environment), cwd=folder, text=True, **pipes) as process:

        def evaluate(code: str, **settings: str) -> Any:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"code": code, "settings": settings}) + "\n")
            process.stdin.flush()
            return _told(process)

        try:
            yield evaluate
        finally:
            process.kill()


def run_program(
    evaluate: Evaluate, module: str, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the ``main`` of a module in a fork as a program, with these arguments after its name.

    :param evaluate: as :func:`forking` gives it
    """
    code, printed, errors = evaluate(_PROGRAM.format(module=module, arguments=[*arguments]), **settings)
    return subprocess.CompletedProcess(arguments, code, printed, errors)


def _told(process: subprocess.Popen[str]) -> Any:
    """Return the result of a fork; what else it printed tells why there is none."""
    patience = threading.Timer(TIMEOUT_SECONDS, process.kill)
    patience.start()
    printed = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(_RESULT):
                result = json.loads(line.removeprefix(_RESULT))
                assert result is not None, "".join(printed)
                return result[0]
            printed.append(line)
    finally:
        patience.cancel()
    raise AssertionError(f"the process has ended: {''.join(printed)}")
