"""Checks: steps that look at what was recovered, until it is as it should be."""

from __future__ import annotations

import ipaddress
import re
from abc import abstractmethod
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from drs_provider.plan.fields import Flag, Line, Message, Unique, refusal
from drs_provider.plan.steps.base import CheckModel

DEFAULT_PROBE: Final = "drs-probe"
_OWN_ADDRESS: Final = "{private_ip}"
_PLACEHOLDER: Final = re.compile(r"\{[a-z_]+\}")


def _expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise refusal(
            f"`{text}` is no regular expression: {error}", "correct it; Python's form counts"
        ) from None
    return text


Expression = Annotated[Line, AfterValidator(_expression)]


class Ec2StatusStep(CheckModel):
    """Waits until EC2's instance and system status checks of the recovered instance are ok."""

    check: Literal["ec2_status"] = Field(description="EC2's status checks of the recovered instance.")

    @property
    def needs_servers(self) -> bool:
        """It is about instances."""
        return True


class LookStep(CheckModel):
    """A look at a port or a URL, from somewhere."""

    from_: Literal["worker", "server", "probe"] = Field(
        default="worker",
        alias="from",
        description="Where it looks from. worker: Airflow's triggerer; server: the recovered server itself, by SSM Run "
        "Command; probe: a Lambda function in the recovered network.",
    )
    probe: Line | None = Field(
        default=None,
        description=f"Name or ARN of the Lambda function, with from: probe; left out: {DEFAULT_PROBE}.",
    )

    @property
    def needs_servers(self) -> bool:
        """Only a server that looks itself must be there."""
        return self.from_ == "server"

    @property
    def needs_target(self) -> bool:
        """A worker looks without AWS."""
        return self.from_ != "worker"

    @property
    @abstractmethod
    def looked_at(self) -> str:
        """The host that is looked at, placeholders not filled."""

    def settings(self) -> dict[str, Any]:
        """Return the kind's own fields as plain data, with the probe's default name."""
        name = {"probe": self.probe or DEFAULT_PROBE} if self.from_ == "probe" else {}
        return super().settings() | name

    def leaves_drill(self, *, networks: bool) -> tuple[str, str] | None:
        """Return message and remedy if it surely leaves the networks of a drill, or nobody could tell.

        :param networks: whether the plan names the subnets of a drill
        """
        host = self.looked_at
        if "drill" not in self.modes or host == _OWN_ADDRESS:
            return None
        way_out = f"write {_OWN_ADDRESS}, or modes: [recovery]"
        address = _address(host)
        if self.from_ == "server" and (host == "localhost" or (address and address.is_loopback)):
            return None
        if address is None:
            if self.from_ != "server":
                return None
            return (
                f"`{host}` is resolved by the recovered server, where nobody can tell whether it leaves the drill",
                f"{way_out}; localhost does as well, and from: worker and from: probe look where names lead",
            )
        if not networks:
            return (
                f"a drill may look at recovered servers only, and `{host}` is a fixed address",
                f"{way_out}, or name the subnets in network.drill.allowed_subnets",
            )
        return None

    @model_validator(mode="after")
    def _names_used_probe(self) -> Self:
        if self.probe is not None and self.from_ != "probe":
            raise refusal(f"probe does nothing with from: {self.from_}", "remove it, or write from: probe")
        return self


class TcpStep(LookStep):
    """Waits until a TCP port takes connections."""

    check: Literal["tcp"] = Field(description="A TCP port that takes connections.")
    host: Line = Field(
        default=_OWN_ADDRESS, description="Address or name; left out: the recovered server's address."
    )
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = Field(description="Number of the port.")

    @property
    def looked_at(self) -> str:
        """The host that is looked at."""
        return self.host.strip("[]")


def _statuses(value: Any) -> Any:
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


HttpStatus = Annotated[int, Field(strict=True, ge=100, le=599)]
Statuses = Annotated[
    tuple[HttpStatus, ...],
    Field(min_length=1),
    Unique,
    BeforeValidator(_statuses),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 100, "maximum": 599},
                    "minItems": 1,
                },
            ]
        }
    ),
]


def _url(text: str) -> str:
    no_url = refusal(f"`{text}` is no URL", "write http://<host>[:<port>][/<path>], or https://…")
    try:
        parts = urlsplit(_PLACEHOLDER.sub("1", text))
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise no_url from None
    if not known or " " in text:
        raise no_url
    if parts.username or parts.password:
        raise refusal("the URL holds credentials", "leave them out: a plan is no place for secrets")
    if parts.fragment:
        raise refusal(f"`#{parts.fragment}` is never sent to a server", "leave it out")
    return text


class HttpStep(LookStep):
    """Waits until a URL answers with a status, and a body, that is wanted; redirects are not followed."""

    check: Literal["http"] = Field(description="A URL that answers as wanted.")
    url: Annotated[Line, AfterValidator(_url)] = Field(description="http:// or https://.")
    expect_status: Statuses = Field(default=(200,), description="HTTP status, or several, of a good answer.")
    body_match: Expression | None = Field(
        default=None, description="Regular expression that must be found in the first 64 KiB of the body."
    )
    verify: Flag = Field(default=True, description="Whether the certificate must be good; only for https.")

    @property
    def looked_at(self) -> str:
        """The host that is looked at."""
        authority = self.url.partition("://")[2].partition("/")[0].partition("?")[0]
        host = re.sub(r":(\d*|\{[a-z_]+\})$", "", authority)
        return host.strip("[]")

    @model_validator(mode="after")
    def _verifies_something(self) -> Self:
        if not self.verify and self.url.startswith("http://"):
            raise refusal("verify: false does nothing for http://", "remove it")
        return self


Commands = Annotated[tuple[Message, ...], Field(min_length=1, max_length=100)]
ExitCode = Annotated[int, Field(strict=True, ge=0, le=255)]


class SsmCommandCheck(CheckModel):
    """Runs commands on each recovered server, until they end as wanted."""

    check: Literal["ssm_command"] = Field(description="Commands on the recovered server that end as wanted.")
    commands: Commands = Field(
        description="Lines for the shell (Linux) or PowerShell (Windows) of the server."
    )
    expect_exit_code: ExitCode = Field(default=0, description="Exit code of a good end.")
    output_match: Expression | None = Field(
        default=None,
        description="Regular expression that must be found in the output (its first 24,000 characters).",
    )
    command_seconds: Annotated[int, Field(strict=True, ge=5, le=3600)] = Field(
        default=60, description="How long one run of the commands may take, in seconds."
    )

    @property
    def needs_servers(self) -> bool:
        """Commands run on servers."""
        return True


class CloudwatchAlarmStep(CheckModel):
    """Waits until alarms are in a state."""

    check: Literal["cloudwatch_alarm"] = Field(description="CloudWatch alarms that are in a state.")
    alarms: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100), Unique] = Field(
        description="Names of metric or composite alarms."
    )
    state: Literal["OK", "ALARM", "INSUFFICIENT_DATA"] = Field(
        default="OK", description="The state that all of them must be in."
    )


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


class ManualStep(CheckModel):
    """A person confirms, with a note, that something is in order."""

    check: Literal["manual"] = Field(description="A person looks.")
    message: Message = Field(description="What the person is to look at.")

    @property
    def needs_target(self) -> bool:
        """It calls no AWS."""
        return False

    @property
    def asks(self) -> bool:
        """It asks in any case."""
        return True

    @model_validator(mode="after")
    def _once(self) -> Self:
        if self.each == "server":
            raise refusal("a person is asked once, not for each server", "remove each")
        if self.retries:
            raise refusal("retries does nothing in a manual step: people can be asked again", "remove it")
        return self
