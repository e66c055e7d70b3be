"""Placeholders in the fields of steps: ``{private_ip}`` stands for a value of a recovered server or of the wave.

Text in double braces is left alone: it is Airflow's or Systems Manager's. So is ``${HOME}``, which is a shell's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: Values of a server that the wave has recovered
OF_SERVER: Final = ("private_ip", "instance_id", "server_name", "hostname", "source_server_id")
#: Of the wave, and of the account that it is recovered in; steps around a plan with one target have the latter
OF_WAVE: Final = ("wave_name",)
OF_TARGET: Final = ("account_id", "region")
OF_EXECUTION: Final = ("execution_id", "execution_type")
ALL: Final = (*OF_SERVER, *OF_WAVE, *OF_TARGET, *OF_EXECUTION)

_PLACEHOLDER = re.compile(r"(?<![{$])\{([A-Za-z_]+)\}(?!\})")


def placeholders(value: Any) -> Iterator[str]:
    """Yield the names of all placeholders in plain data, known or not; keys of mappings have none."""
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from placeholders(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from placeholders(item)


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Return plain data with its placeholders replaced.

    :raises KeyError: with the name of a placeholder that has no value
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: values[match[1]], value)
    if isinstance(value, Mapping):
        return {key: filled(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, values) for item in value]
    return value
