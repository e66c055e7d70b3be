"""Field types of plan files: text patterns, numbers and tags, with what each is called in a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from drs_provider.core.identity import RESERVED_TAG_KEYS
from drs_provider.core.texts import clean

MAX_TIMEOUT_MINUTES: Final = 7 * 24 * 60
"""Longest timeout a plan may ask for: a week."""

MAX_PLAN_TAGS: Final = 50 - len(RESERVED_TAG_KEYS)
"""AWS allows 50 tags on a resource; ours take their share."""
MAX_BLOCK_TAGS: Final = MAX_PLAN_TAGS - 1
"""Blocks say task and run instead of the plan."""

PATTERN_HINTS: Final[dict[str, tuple[str, str]]] = {}
"""Pattern → (what the value must be, remedy); filled by :func:`_pattern`."""


class PlanModel(BaseModel):
    """Base of all parts of a plan: immutable, and every unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


def refusal(message: str, remedy: str = "") -> PydanticCustomError:
    """Return the error that a validator raises: a message with the culprit, and the remedy."""
    return PydanticCustomError("refused", "{message}", {"message": message, "remedy": remedy})


@dataclass(frozen=True)
class _Form:
    """Text of a pattern and of a length, checked in this order: what has another form is told so, however long."""

    pattern: str
    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(strict=True, pattern=self.pattern)
        return core_schema.no_info_after_validator_function(self._short_enough, text)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"maxLength": self.max_length, **handler(schema)}

    def _short_enough(self, value: str) -> str:
        if len(value) > self.max_length:
            raise refusal(
                f"the text is longer than {self.max_length} characters",
                f"shorten it by {len(value) - self.max_length}",
            )
        return value


def _pattern(pattern: str, what: str, remedy: str, max_length: int) -> _Form:
    PATTERN_HINTS[pattern] = (what, remedy)
    return _Form(pattern, max_length)


def _duplicates(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        names = ", ".join(f"`{name}`" for name in repeated)
        raise refusal(f"{names} is listed more than once", "list it once")
    return values


Unique = AfterValidator(_duplicates)
"""Refuses a list that holds a value twice; use with ``UNIQUE_ITEMS`` for the JSON Schema."""

UNIQUE_ITEMS: Final[dict[str, Any]] = {"uniqueItems": True}


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


CLEANED = BeforeValidator(_cleaned)
"""Normalizes line ends and trims edges: what people paste often ends in a line end."""

# Control characters are refused everywhere: neither PostgreSQL's JSON nor a terminal takes them well.
ExactLine = Annotated[
    str,
    _pattern(
        r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$",
        "one line of text that is not blank",
        "write some text on one line, without control characters",
        250,
    ),
]
Line = Annotated[ExactLine, CLEANED]
Message = Annotated[
    str,
    _pattern(
        r"^[^\x00-\x08\x0b-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x08\x0b-\x1f\x7f]*$",
        "text that is not blank",
        "write some text, without control characters",
        1000,
    ),
    CLEANED,
]
Slug = Annotated[
    str,
    _pattern(
        r"^[a-z0-9]+(_[a-z0-9]+)*$",
        "a name of lower-case letters, digits and single `_`",
        "it becomes part of a DAG or task id; use a name like `erp_three_tier`",
        64,
    ),
]
Key = Annotated[
    str,
    _pattern(
        r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        "a name of letters, digits, `_` and `-`",
        "use a name like `erp_db`",
        100,
    ),
]
AccountId = Annotated[
    str,
    _pattern(
        r"^[0-9]{12}$",
        "an AWS account number of 12 digits",
        'write all 12 digits in quotes, for example "111122223333"',
        12,
    ),
]
Region = Annotated[
    str,
    _pattern(
        r"^[a-z]{2,}(-[a-z]+)+-[0-9]+$",
        "an AWS Region",
        "use the Region's code, for example eu-west-1",
        40,
    ),
]
ConnectionId = Annotated[
    str,
    _pattern(
        r"^[A-Za-z0-9_.:/#()-]+$",
        "the id of an Airflow connection",
        "use the connection's id, for example aws_dr",
        200,
    ),
]
RoleName = Annotated[
    str,
    _pattern(
        r"^[A-Za-z0-9_+=,.@-]+(/[A-Za-z0-9_+=,.@-]+)*$",
        "the name of an IAM role, not its ARN",
        "give its name, for example DRSOrchestrationRole; of an ARN, the part after `:role/`",
        512,
    ),
]
ExternalId = Annotated[
    str,
    _pattern(
        r"^[A-Za-z0-9_+=,.@:/-]{2,}$",
        "an external ID of 2 or more letters, digits and `+=,.@:/-_`",
        "copy it from the role's trust policy",
        1224,
    ),
]
ServerId = Annotated[
    str,
    _pattern(
        r"^s-[0-9a-zA-Z]{17}$",
        "a DRS source server ID",
        "it is `s-` and 17 letters or digits, as in the DRS console",
        19,
    ),
]
SnapshotId = Annotated[
    str,
    _pattern(
        r"^pit-[0-9a-zA-Z]{17}$",
        "a DRS point-in-time snapshot ID",
        "it is `pit-` and 17 letters or digits",
        21,
    ),
]
VpcId = Annotated[str, _pattern(r"^vpc-[0-9a-f]+$", "a VPC ID", "it looks like vpc-0d5111aa", 40)]
SubnetId = Annotated[str, _pattern(r"^subnet-[0-9a-f]+$", "a subnet ID", "it looks like subnet-0d5111a1", 40)]
SecurityGroupId = Annotated[
    str, _pattern(r"^sg-[0-9a-f]+$", "a security group ID", "it looks like sg-0d5111aa", 40)
]
ClassPath = Annotated[
    str,
    _pattern(
        r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$",
        "the import path of a class",
        "for example airflow.providers.amazon.aws.notifications.sns.SnsNotifier",
        250,
    ),
]

Minutes = Annotated[int, Field(strict=True, ge=1, le=MAX_TIMEOUT_MINUTES)]
Flag = Annotated[bool, Field(strict=True)]


def _plan_tag_key(key: str) -> str:
    if key.casefold().startswith("aws:"):
        raise refusal(f"tag key `{key}` is reserved for AWS", "choose a key that does not start with `aws:`")
    if key.casefold() in {reserved.casefold() for reserved in RESERVED_TAG_KEYS}:
        raise refusal(f"tag key `{key}` is set by every execution itself", "remove it or choose another key")
    return key


# All of ASCII that AWS refuses in tags is named: no engine's idea of a letter is needed.
_TAG_CHARACTER = r"""[^\x00-\x1f\x7f!"#$%&'()*,;<>?\[\\\]^`{|}~]"""
_TAG_TEXT = "letters, digits, blanks and `+ - = . _ : / @`"
PlanTagKey = Annotated[
    str,
    _pattern(
        rf"^{_TAG_CHARACTER}+$",
        f"a tag key of {_TAG_TEXT}",
        "use one or more of these; AWS refuses others",
        128,
    ),
    AfterValidator(_plan_tag_key),
]
PlanTagValue = Annotated[
    str,
    _pattern(
        rf"^{_TAG_CHARACTER}*$", f"a tag value of {_TAG_TEXT}", "use only these; AWS refuses others", 256
    ),
]
SelectorKey = Annotated[str, Field(strict=True, min_length=1, max_length=128)]
SelectorValue = Annotated[str, Field(strict=True, max_length=256)]
TagSelector = Annotated[dict[SelectorKey, SelectorValue], Field(min_length=1)]
"""AND of exact key/value pairs; an empty selector would mean every server and is refused."""


def _calendar_day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and len(value) == len("2026-12-19"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise refusal(f"`{value}` is not a calendar day", "write it as 2026-12-19, without a time")


Day = Annotated[date, BeforeValidator(_calendar_day), WithJsonSchema({"type": "string", "format": "date"})]


def _min_launched(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and value.endswith("%"):
        number = value.removesuffix("%")
        if number.isascii() and number.isdigit() and len(number) <= 3 and 1 <= int(number) <= 100:
            return f"{int(number)}%"
    raise refusal(
        f"`{value}` is neither a number of servers nor a percentage",
        "write a whole number from 1, or a percentage from 1% to 100%",
    )


MinLaunched = Annotated[
    int | str,
    BeforeValidator(_min_launched),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": "^0*([1-9]|[1-9][0-9]|100)%$"},
            ]
        }
    ),
]
