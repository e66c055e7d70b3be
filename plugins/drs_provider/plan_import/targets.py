"""Targets of the plan files: account, Region and the way in; nothing of it is guessed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from drs_provider.plan.error_messages import told_errors
from drs_provider.plan.model import Target
from drs_provider.plan_import.contexts import Context, read_context
from drs_provider.plan_import.fields import Fields
from drs_provider.plan_import.journal import Journal, Refusal
from drs_provider.plan_import.naming import Names, slug
from drs_provider.plan_import.options import AccountOption, ImportOptions
from drs_provider.plan_import.result import Outcome

_NO_OPTION = AccountOption("")


class Targets:
    """The targets that protection groups need, by name.

    :param accounts: target accounts of the sources
    :param options: what the importer was told
    :param journal: takes what people must look at
    """

    def __init__(self, accounts: list[Fields], options: ImportOptions, journal: Journal) -> None:
        self._options = options
        self._journal = journal
        self._records: dict[str, tuple[Fields, Context, str]] = {}
        self._names = Names()
        self.data: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, tuple[str, ...]] = {}
        self._used: set[str] = set()
        for record in accounts:
            self._register(record)

    def resolve(self, context: Context, what: str, record: Fields) -> str:
        """Return the name of the target of a context.

        :param what: what needs it, for the reasons
        :param record: where it is
        :raises Refusal: with every missing piece and the option that supplies it
        """
        account_id = context.account_id or self._options.account_id
        if account_id is None:
            raise Refusal(f"{what}: no account is known; say it with --account-id ACCOUNT")
        option = self._options.account(account_id) or _NO_OPTION
        context, reasons = self._way(context, account_id, option, record), list[str]()
        region = context.region or option.region or self._options.region
        connection = option.connection or self._options.connection
        if region is None:
            reasons.append(f"{what}: no Region is known; say it with --region REGION")
        if connection is None:
            reasons.append(f"{what}: no Airflow connection is known; say it with --connection ID")
        if not context.own and context.role is None:
            reasons.append(
                f"{what}: it is not known how to reach account {account_id}; say it with "
                f"--account {account_id}=ROLE, or --account {account_id}=own if the connection belongs to it"
            )
        if reasons:
            raise Refusal(*reasons)
        return self._named(account_id, {**_entry(context), "region": region, "connection": connection}, what)

    def report_unused(self) -> None:
        """Report the target accounts that no imported plan or group needs."""
        for account_id, (record, _, _) in self._records.items():
            if account_id not in self._used:
                why = "no imported protection group is in this account"
                self._journal.say(Outcome.DROPPED, record, "", why)

    def sound(self) -> Iterator[Fields]:
        """Yield the account records in which nothing is wrong."""
        return (record for record, _, _ in self._records.values())

    def _register(self, record: Fields) -> None:
        name = str(record.take("accountname", "name") or "")
        try:
            context = read_context(record)
        except Refusal as refusal:
            self._journal.say(Outcome.DROPPED, record, "", "; ".join(refusal.reasons))
            return
        account_id = context.account_id
        if account_id is None:
            why = "a target account without an account id"
            self._journal.say(Outcome.DROPPED, record, "", why, "correct the export")
        elif account_id in self._records:
            why = f"account {account_id} is already in {self._records[account_id][0].source}; the first one counts"
            self._journal.say(Outcome.DROPPED, record, "", why, "compare the two records")
        else:
            self._records[account_id] = (record, context, name)

    def _way(self, context: Context, account_id: str, option: AccountOption, record: Fields) -> Context:
        """Return the context with the way in: options first, then the account's record, then the context."""
        known = self._records.get(account_id)
        if known is not None:
            self._used.add(account_id)
            self._compare(known[0], known[1], context)
            context = Context(account_id, context.region).or_else(known[1]).or_else(context)
        way = _chosen(context, account_id, option)
        for field in ("role", "external_id"):
            said = getattr(context, field)
            if said and said != getattr(way, field):
                why = f"{field} `{said}` is not used for account {account_id}: {_reason(way, option)}"
                self._journal.say(Outcome.CHANGED, record, "", why)
        return way

    def _compare(self, record: Fields, known: Context, context: Context) -> None:
        for field, names in (("role", "rolearn"), ("external_id", "externalid")):
            ours, theirs = getattr(known, field), getattr(context, field)
            if ours and theirs and ours != theirs:
                why = f"a group or plan names another {field}, `{theirs}`; the account's record counts"
                self._journal.say(
                    Outcome.DECIDE, record, names, why, "correct the target if the record is old"
                )

    def _named(self, account_id: str, data: dict[str, Any], what: str) -> str:
        ordered = {"account_id": account_id, **{key: data[key] for key in ("region", "connection")}}
        ordered |= {key: value for key, value in data.items() if key not in ordered}
        for name, existing in self.data.items():
            if existing == ordered:
                return name
        _check(ordered, what)
        known = self._records.get(account_id)
        label = slug(known[2], "") if known and known[2] else ""
        name = self._names.unique(slug(f"{label or f'account_{account_id}'}_{ordered['region']}", "target"))
        self.data[name] = ordered
        option = self._options.account(account_id)
        if ordered.get("own_account") and (option is None or not option.own_account):
            text = f"Check: connection {ordered['connection']} must belong to account {account_id}."
            self.comments[name] = (text,)
            if known is not None:
                connection = ordered["connection"]
                why = (
                    f"the other system ran in this account; here connection `{connection}` must belong to it"
                )
                remedy = (
                    f"else give --account {account_id}=ROLE; a run proves the account before it does anything"
                )
                self._journal.say(
                    Outcome.DECIDE, known[0], known[0].which("iscurrentaccount", "iscurrent"), why, remedy
                )
        return name


def _chosen(context: Context, account_id: str, option: AccountOption) -> Context:
    if option.own_account or (option.role is None and context.own):
        return Context(account_id, context.region, own=True)
    if option.role is None:
        return Context(account_id, context.region, context.role, context.external_id, False)
    external_id = context.external_id if option.role == context.role else None
    return Context(account_id, context.region, option.role, option.external_id or external_id, False)


def _reason(way: Context, option: AccountOption) -> str:
    if option.role is not None or option.own_account:
        return "the option --account says otherwise"
    return "in its own account the connection assumes no role" if way.own else "another one is known"


def _entry(context: Context) -> dict[str, Any]:
    if context.own:
        return {"own_account": True}
    return {"role": context.role} | ({"external_id": context.external_id} if context.external_id else {})


def _check(data: dict[str, Any], what: str) -> None:
    try:
        Target.model_validate(data)
    except ValidationError as error:
        raise Refusal(
            *(
                f"{what}: {'.'.join(map(str, parts))}: {message} ({remedy})"
                for parts, message, remedy in told_errors(error, Target, lambda _: None)
            )
        ) from error
