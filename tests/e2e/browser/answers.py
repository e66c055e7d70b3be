"""What routes answer when a stack does not give it: hostile texts, a thousand servers, an API server that is silent."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

HOSTILE = '<img src=x onerror="window.hacked = true"><script>window.hacked = true</script>\'"&lt;'
SERVERS = 1000
COMMAND = "airflow drs approve erp/hostile --wave application"
_ACT = {
    "name": "cancel",
    "label": "Cancel",
    "confirmation": HOSTILE,
    "doesNotStop": "Jobs in DRS.",
    "allowed": True,
    "fields": [{"name": "reason", "label": "Reason", "type": "text", "required": True}],
}


def execution() -> dict[str, Any]:
    now = time.time()
    wave = {"waveNumber": 1, "waveName": HOSTILE, "status": "POLLING", "fraction": 0.5, "phase": "conversion"}
    return {
        "planId": "erp",
        "dagRunId": "hostile",
        "planName": HOSTILE,
        "executionType": "RECOVERY",
        "status": "POLLING",
        "elapsedSeconds": 60.0,
        "rto": {
            "objectiveSeconds": 3600,
            "usedSeconds": 60,
            "remainingSeconds": 3540,
            "countedFrom": "trigger",
        },
        "eta": {
            "lowSeconds": 3000,
            "seconds": 3900,
            "highSeconds": 4000,
            "at": now + 3900,
            "rtoMissSeconds": 360,
        },
        "waves": [wave],
        "waitsFor": {"what": HOSTILE, "who": HOSTILE, "since": now, "act": "cancel"},
        "problems": [{"what": HOSTILE, "cause": HOSTILE, "next": HOSTILE}] * 3,
        "acts": [_ACT],
        "command": COMMAND,
        "jobs": [{"jobId": HOSTILE, "link": "javascript:window.hacked=true"}],
        "preflight": [{"code": "X", "severity": "WARN", "message": HOSTILE}],
        "readAt": now,
    }


def _servers(query: dict[str, list[str]]) -> dict[str, Any]:
    wanted, offset = query.get("search", [""])[0], int(query["offset"][0])
    rows = [
        {"sourceServerId": f"s-{number:017x}", "name": f"{HOSTILE} {number:04}", "wave": 1, "state": "FAILED"}
        for number in range(SERVERS)
    ]
    if query.get("sort") == ["-name"]:
        rows.reverse()
    found = [row for row in rows if wanted in str(row["name"])]
    page = found[offset : offset + int(query["limit"][0])]
    return {"servers": page, "total": len(found), "states": {"FAILED": SERVERS}}


class Answers:
    """Answers in the place of the page's routes.

    :ivar silent: whether nobody answers
    :ivar asked: addresses, as they came
    """

    def __init__(self, page: Page) -> None:
        self.silent = False
        self.asked: list[str] = []
        self.refusal: tuple[int, dict[str, Any]] = (409, {})
        self.execution = execution()
        page.route("**/drs/api/**", self._answer)

    def _answer(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        self.asked.append(address.path)
        if self.silent:
            route.abort()
        elif route.request.method == "POST":
            status, body = self.refusal
            route.fulfill(status=status, json=body)
        elif address.path.endswith("/servers"):
            route.fulfill(json=_servers(parse_qs(address.query)))
        elif address.path.endswith("/timeline"):
            row = {"label": HOSTILE, "kind": HOSTILE, "start": time.time() - 60, "status": HOSTILE}
            route.fulfill(json={"rows": [row | {"critical": True}]})
        else:
            route.fulfill(json=self.execution)
