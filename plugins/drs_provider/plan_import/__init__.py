"""Plan files from other systems' plans: the reference system's exports, and DRS's native recovery plans.

::

    sources = read_sources([Path("recovery-plans.json"), Path("protection-groups.json")])
    options = ImportOptions(connection="aws_dr", accounts=(parse_account("222233334444=DRSOrchestrationRole"),))
    result = import_plans(sources, options)
    print(result.report.as_table())            # or result.report.to_dict(), for programs
    written = write(result, Path("dags/plans"))  # refuses to replace files unless overwrite=True

``import_plans`` decides nothing that it cannot read: what has no counterpart is in the report, and a plan
for which something is missing is refused (``result.refused``) with the option that supplies it.
DRS's native plans are one more source, read through a target (``api`` is its ``DrsApi``)::

    sources = (ImportSource("DRS eu-west-1", read_native_plans(api)),)   # hooks.drs.native_plans
    result = import_plans(sources, ImportOptions(accounts=(account_option(api.target),)))
"""

from __future__ import annotations

from drs_provider.plan_import.importing import import_plans
from drs_provider.plan_import.options import (
    AccountOption,
    ImportOptions,
    OptionError,
    account_option,
    parse_account,
)
from drs_provider.plan_import.records import LOOKED_FOR
from drs_provider.plan_import.result import (
    ImportReport,
    ImportResult,
    Outcome,
    PlanFile,
    RefusedPlan,
    ReportEntry,
)
from drs_provider.plan_import.sources import ImportSource, SourceError, read_sources
from drs_provider.plan_import.writing import WriteError, write

__all__ = [
    "LOOKED_FOR",
    "AccountOption",
    "ImportOptions",
    "ImportReport",
    "ImportResult",
    "ImportSource",
    "OptionError",
    "Outcome",
    "PlanFile",
    "RefusedPlan",
    "ReportEntry",
    "SourceError",
    "WriteError",
    "account_option",
    "import_plans",
    "parse_account",
    "read_sources",
    "write",
]
