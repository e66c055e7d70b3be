"""A plan's waves and what each waits for: as text, as Mermaid, or for Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter

from drs_provider.airflow_rest.texts import one_line
from drs_provider.plan.model import Plan, Wave


def drawn(plan: Plan, form: str) -> str:
    """Return the drawing.

    :param form: ``text``, ``mermaid`` or ``dot``
    """
    lines = {"text": _text, "mermaid": _mermaid, "dot": _dot}[form](plan)
    return "\n".join(lines) + "\n"


def steps(plan: Plan) -> list[list[Wave]]:
    """Return the waves in steps: those of one step may run side by side, after the steps before."""
    order = TopologicalSorter({wave.name: plan.dependencies(wave.name) for wave in plan.waves})
    order.prepare()
    found = []
    while ready := order.get_ready():
        found.append([wave for wave in plan.waves if wave.name in ready])
        order.done(*ready)
    return found


def _text(plan: Plan) -> Iterator[str]:
    yield one_line(plan.display_title)
    for step in steps(plan):
        side_by_side = len(step) > 1
        for position, wave in enumerate(step):
            branch = "─" if not side_by_side else "┬" if position == 0 else "└" if wave is step[-1] else "├"
            after = ", ".join(plan.dependencies(wave.name)) or "start"
            target = plan.target_of(wave)
            gate = ", gate" if wave.gate else ""
            yield (
                f"  {branch}─ {plan.wave_number(wave.name)} {wave.name}  "
                f"(after {after}; {target.account_id} {target.region}{gate})"
            )
    if plan.drill.hold is not None:
        yield "  ── hold, cleanup (drill)"


def _mermaid(plan: Plan) -> Iterator[str]:
    yield "flowchart LR"
    for wave in plan.waves:
        shape = "{{{{{}}}}}" if wave.gate else "[{}]"
        yield f"  w{plan.wave_number(wave.name)}" + shape.format(f'"{_label(plan, wave)}"')
    for before, after in _edges(plan):
        yield f"  w{before} --> w{after}"


def _dot(plan: Plan) -> Iterator[str]:
    yield f'digraph "{plan.name}" {{'
    yield "  rankdir=LR; node [shape=box];"
    for wave in plan.waves:
        shape = " shape=octagon" if wave.gate else ""
        yield f'  w{plan.wave_number(wave.name)} [label="{_label(plan, wave)}"{shape}];'
    for before, after in _edges(plan):
        yield f"  w{before} -> w{after};"
    yield "}"


def _label(plan: Plan, wave: Wave) -> str:
    # Names of waves are slugs, Regions too: nothing here needs quoting.
    return f"{plan.wave_number(wave.name)} {wave.name} ({plan.target_of(wave).region})"


def _edges(plan: Plan) -> Iterator[tuple[int, int]]:
    for wave in plan.waves:
        for name in plan.dependencies(wave.name):
            yield plan.wave_number(name), plan.wave_number(wave.name)
