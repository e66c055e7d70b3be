"""The form with which people add to the evidence: what Airflow's UI shows, and what a run's configuration may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider.core.texts import clean_data, shown
from drs_provider.evidence.links import FINDING, FINDING_CLOSED, NOTE, SIGN_OFF

#: Adds links for reports and statements that have none, because a link could not be written.
LINK = "link"
KINDS = (NOTE, FINDING, FINDING_CLOSED, SIGN_OFF, LINK)
RESULTS = ("passed", "failed")
_SLUG = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"


class EvidenceConfError(ValueError):
    """The configuration has a wrong key or value; the message names it."""


@dataclass(frozen=True)
class EvidenceConf:
    """What is to be added.

    :param kind: one of :data:`KINDS`
    :param execution_id: execution that it is about
    :param run_id: run of the plan's DAG, for a note on an execution that has no report yet
    :param finding: number of the finding that is closed
    """

    kind: str
    plan: str = ""
    execution_id: str = ""
    run_id: str = ""
    text: str = ""
    owner: str = ""
    due: str = ""
    finding: int | None = None
    result: str = ""


def parse_evidence_conf(conf: Mapping[str, Any]) -> EvidenceConf:
    """Read a run's configuration.

    :raises EvidenceConfError: naming every unknown key and wrong value
    """
    conf = clean_data(conf)
    known = evidence_params()
    problems = [
        f"`{shown(key)}` is no field; there are {', '.join(known)}"
        for key in sorted(conf.keys() - known.keys())
    ]
    given = {name: conf[name] for name in known if conf.get(name) not in (None, "")}
    for name, value in given.items():
        wanted = int if name == "finding" else str
        if not isinstance(value, wanted) or isinstance(value, bool):
            problems.append(f"`{name}` must be a {'number' if wanted is int else 'text'}")
    if given.get("kind", NOTE) not in KINDS:
        problems.append(f"`kind` must be one of {', '.join(KINDS)}")
    if given.get("kind") != LINK:
        problems += [f"`{name}` is missing" for name in ("plan", "execution_id") if name not in given]
    if problems:
        raise EvidenceConfError("; ".join(problems))
    return EvidenceConf(**{"kind": NOTE, **given})


def evidence_params() -> dict[str, dict[str, Any]]:
    """Return name → keyword arguments for Airflow's ``Param``."""
    about = "About what"
    return {
        "kind": {
            "default": NOTE,
            "title": "Kind",
            "description": "What you add: a note, a finding with owner and due date, the closing of a finding, a "
            "sign-off, or the links that are missing in the chain.",
            "type": "string",
            "enum": list(KINDS),
        },
        "plan": _text("Plan", "Name of the plan.", about, pattern=_SLUG),
        "execution_id": _text("Execution ID", "The report and the record have it.", about, pattern=_SLUG),
        "run_id": _text("Run ID", "Only for a note on an execution that has no report yet.", about),
        "text": _text("Text", "What you state; it cannot be changed afterwards.", "What", format="multiline"),
        "owner": _text("Owner", "Of a finding: who deals with it.", "What"),
        "due": _text("Due", "Of a finding: until when.", "What", format="date"),
        "finding": {
            "default": None,
            "title": "Finding",
            "description": "Number of the finding that is closed.",
            "section": "What",
            "type": ["integer", "null"],
            "minimum": 1,
        },
        "result": {
            **_text("Result", "Of a sign-off: whether the execution proved what it was to prove.", "What"),
            "enum": [None, *RESULTS],
        },
    }


def _text(title: str, description: str, section: str, **more: Any) -> dict[str, Any]:
    return {
        "default": None,
        "title": title,
        "description": description,
        "section": section,
        "type": ["string", "null"],
        **more,
    }
