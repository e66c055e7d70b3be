"""The rights of steps, from the data that preflight asks IAM about."""

from __future__ import annotations

from drs_provider.preflight.rights import STEP_CALLS, STEP_READS


def step_rights_table() -> str:
    """Return the rights of each kind of step, and of preflight, as a Markdown table."""
    lines = ["| steps | rights |", "|---|---|"]
    for kind, actions in STEP_CALLS.items():
        if actions:
            lines.append(f"| `{kind}` | {', '.join(f'`{action}`' for action in sorted(actions))} |")
    none = ", ".join(f"`{kind}`" for kind, actions in STEP_CALLS.items() if not actions)
    lines.append(f"| {none} | none of their own |")
    lines.append(f"| preflight, of what steps name | {', '.join(f'`{action}`' for action in STEP_READS)} |")
    return "\n".join(lines)
