"""The doctor before the whole stack: as it is, and with something broken in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from distributed.drills import LEAD
from distributed.neighbours import ADMIN
from distributed.stack import DistributedStack
from drs_provider.airflow_rest.refused import ExitCode
from drs_provider.core.identity import dag_id_of
from embedded.drill import PROGRAM
from embedded.environment import PLUGINS, inherited

_PAUSED, _POOL, _SILENT_SECONDS = "wiki", "drs", 3


@dataclass
class Checkup:
    """Runs ``airflow drs doctor`` as a person does, and compares its findings with what is so.

    :param wrong: what should not be
    """

    stack: DistributedStack
    wrong: list[str] = field(default_factory=list)

    def healthy(self) -> None:
        """Have it look at the stack as compose makes it."""
        self._expect("as it is", ExitCode.OK, set(), ADMIN)

    def broken(self) -> None:
        """Break the stack, and have it look; nothing is put right again."""
        # One triggerer is left, with another key than the rest.
        for triggerer in ("triggerer-1", "triggerer-2"):
            self.stack.kill(triggerer)
        self.stack.start("triggerer-1", AIRFLOW__DRS__SIGNING_KEY="another key than all the others have here")
        with self.stack.api(ADMIN) as api:
            api.patch(f"/dags/{dag_id_of(_PAUSED)}", {"is_paused": True})
            wanted = {"signing_keys_differ", "plan_paused"}
            self._expect("with another key, and a plan paused", ExitCode.BLOCKED, wanted, ADMIN)
            api.request("DELETE", f"/pools/{_POOL}")
        self._expect(
            "without its pool",
            ExitCode.BLOCKED,
            {"pool_missing", "plan_paused", "worker_silent"},
            LEAD,
            "--timeout",
            f"{_SILENT_SECONDS}s",
        )

    def _expect(self, how: str, code: ExitCode, wanted: Collection[str], who: str, *options: str) -> None:
        login = {
            "AIRFLOW_HOME": str(self.stack.place.airflow_home),
            "AIRFLOW_API_URL": self.stack.place.url("api-server"),
            "AIRFLOW_API_USERNAME": who,
            "AIRFLOW_API_PASSWORD": self.stack.password(who),
            "PYTHONPATH": str(PLUGINS),
        }
        done = subprocess.run(
            [*PROGRAM, "doctor", "-o", "json", "--interval", "0.5s", *options],
            env=inherited() | login,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        report: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"findings": []}
        told = [row for row in report["findings"] if row["severity"] != "INFO"]
        found = {row["code"] for row in told}
        self.stack.report(f"the doctor, {how}: {', '.join(sorted(found)) or 'nothing'}")
        if (done.returncode, found) != (code, set(wanted)):
            self.wrong.append(f"the doctor, {how}: exit code {done.returncode}, {told} {done.stderr}")
