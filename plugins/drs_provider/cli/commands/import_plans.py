"""The verb that makes plan files from other systems' plans."""

from __future__ import annotations

import argparse
from pathlib import Path

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.cli.display.output import Output
from drs_provider.plan_import import (
    LOOKED_FOR,
    ImportOptions,
    ImportResult,
    ImportSource,
    OptionError,
    SourceError,
    WriteError,
    import_plans,
    parse_account,
    read_sources,
    write,
)

_COLUMNS = {"outcome": "outcome", "field": "field", "value": "value", "why": "why", "remedy": "what to do"}


def import_files(arguments: argparse.Namespace) -> ExitCode:
    """Read the sources, write the plan files, and report what is not the same.

    Exit code 2 if nothing was written, also because the sources have no plan; 3 if some plans were refused.
    """
    output = Output(arguments.output)
    try:
        options = ImportOptions(
            connection=arguments.connection,
            accounts=tuple(parse_account(text) for text in arguments.account or ()),
            account_id=arguments.account_id,
            region=arguments.region,
            only=tuple(arguments.only or ()),
        )
        sources = _sources(arguments, options)
        result = import_plans(sources, options)
        writes = result.found["plans"] and not arguments.dry_run
        paths = write(result, Path(arguments.to), overwrite=arguments.overwrite) if writes else ()
    except (OptionError, SourceError, WriteError) as error:
        raise RefusedError(str(error), "", ExitCode.REFUSED_INPUT) from error
    _tell(result, [str(path) for path in paths], output, notes=arguments.notes)
    if not result.found["plans"]:
        raise _nothing(sources, result)
    if not result.refused:
        return ExitCode.OK
    return ExitCode.PARTIAL if result.plans else ExitCode.REFUSED_INPUT


def _nothing(sources: tuple[ImportSource, ...], result: ImportResult) -> RefusedError:
    names = ", ".join(source.name for source in sources)
    there = [f"{count} {kind}" for kind, count in result.found.items() if count]
    also = f"; it has {' and '.join(there)}" if there else ""
    return RefusedError(
        f"no recovery plan was found in {names}{also}, and nothing was written; looked for {LOOKED_FOR}",
        "export the plans, and import them together with their protection groups and target accounts",
        ExitCode.REFUSED_INPUT,
    )


def _sources(arguments: argparse.Namespace, options: ImportOptions) -> tuple[ImportSource, ...]:
    sources = read_sources([Path(file) for file in arguments.files])
    if arguments.native:
        sources += tuple(_native(options))
    if not sources:
        raise OptionError("there is nothing to import: name files, or give --native")
    return sources


def _native(options: ImportOptions) -> list[ImportSource]:
    """Ask DRS for its own recovery plans in every account that an option names."""
    from botocore.exceptions import BotoCoreError, ClientError

    from drs_provider.core.account import AwsTarget
    from drs_provider.exceptions import DrsError
    from drs_provider.hooks.aws.clients import aws_clients
    from drs_provider.hooks.drs.drs_api import DrsApi
    from drs_provider.hooks.drs.native_plans import read_native_plans

    if not options.accounts:
        raise OptionError("--native needs to know whom to ask: --account ACCOUNT=own or ACCOUNT=ROLE")
    found = []
    for account in options.accounts:
        region, connection = account.region or options.region, account.connection or options.connection
        if not region or not connection:
            raise OptionError(f"--native needs a Region and a connection for {account.account_id}")
        try:
            target = AwsTarget(
                name="native",
                connection=connection,
                account_id=account.account_id,
                region=region,
                own_account=account.own_account,
                role=account.role,
                external_id=account.external_id,
            )
            data = read_native_plans(DrsApi(aws_clients(target, session_name="drs-plans-import")))
        except (ValueError, DrsError, BotoCoreError, ClientError) as error:
            raise SourceError(f"DRS in {account.account_id} {region}: {error}") from error
        found.append(ImportSource(f"DRS {account.account_id} {region}", data))
    return found


def _tell(result: ImportResult, paths: list[str], output: Output, *, notes: bool) -> None:
    if not output.for_people:
        output.data({**result.to_dict(), "written": paths})
        return
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in result.report.rows(notes=notes)]
    if rows:
        output.rows(_COLUMNS, rows)
    for path in paths:
        output.say(f"wrote {path}")
    output.say(f"{len(result.plans)} plans imported, {len(result.refused)} refused")
