"""What the documents show of the code is what the code says. If not: make docs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from docs.make import DOCS, PARTS, REPOSITORY, command_line, filled, probe
from drs_provider.core.events import Event

pytestmark = pytest.mark.contract


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("page", PARTS)
def test_the_page_is_up_to_date(page: str) -> None:
    assert filled(page) == (REPOSITORY / page).read_text(encoding="utf-8")


def test_every_verb_is_documented() -> None:
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    names = [name for name, _ in command_line.help_texts()]
    assert len(names) == 36
    assert [name for name in names if f"$ {name} --help" not in text] == []


def test_every_event_is_documented() -> None:
    text = (DOCS / "timeline.md").read_text(encoding="utf-8")
    assert [event for event in Event if f"| `{event.value}` |" not in text] == []


def test_the_probes_template_has_its_code_and_can_be_read() -> None:
    text = probe.TEMPLATE.read_text(encoding="utf-8")
    assert text == probe.template()

    class Tags(yaml.SafeLoader):
        """CloudFormation's short forms as plain values."""

    Tags.add_multi_constructor("!", lambda loader, suffix, node: f"{suffix} {node.value}")
    resources = yaml.load(text, Loader=Tags)["Resources"]
    names: dict[str, Any] = {"__name__": "index"}
    exec(compile(resources["Function"]["Properties"]["Code"]["ZipFile"], "index.py", "exec"), names)
    told = names["handler"]({"check": "tcp", "host": "127.0.0.1", "port": 1, "networks": []}, None)
    assert told["state"] == "failed"
