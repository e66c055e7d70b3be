"""What a recovered server runs to look at a port or a URL by itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from drs_provider.probe.function import judged
from drs_provider.rules.steps.answers import short
from drs_provider.rules.steps.results import Look

WINDOWS: Final = "Windows"
LOOK_SECONDS: Final = 10
_BODY_CHARACTERS: Final = 16_000
"""GetCommandInvocation shows 24,000 of an output."""


def look_script(kind: str, settings: Mapping[str, Any], platform: str) -> list[str]:
    """Return the lines of a look: for ``sh``, or for PowerShell on Windows.

    A TCP look ends with 0 if the port takes connections. An HTTP look prints the status, then the body.
    """
    windows = platform == WINDOWS
    if kind == "tcp":
        host, port = str(settings["host"]).strip("[]"), int(settings["port"])
        return _windows_tcp(host, port) if windows else _tcp(host, port)
    verify = bool(settings.get("verify", True))
    return _windows_http(settings["url"], verify) if windows else _http(settings["url"], verify)


def http_look(settings: Mapping[str, Any], output: str) -> Look:
    """Return what an HTTP look's output says."""
    status, _, body = output.partition("\n")
    if not status.strip().isdigit():
        return Look("waiting", short(output))
    state, told = judged(settings, int(status), body)
    return Look("passed" if state == "passed" else "waiting", told)


def host_of(kind: str, settings: Mapping[str, Any]) -> str:
    """Return the host that is looked at, placeholders filled."""
    host = settings["host"] if kind == "tcp" else urlsplit(settings["url"]).hostname
    return str(host).strip("[]")


def _tcp(host: str, port: int) -> list[str]:
    connect = 'exec 3<>"/dev/tcp/$0/$1" && echo "$0 takes connections at port $1"'
    return [
        "command -v bash >/dev/null || { echo 'bash is missing'; exit 127; }",
        f"exec timeout {LOOK_SECONDS} bash -c {shlex.quote(connect)} {shlex.quote(host)} {port}",
    ]


def _http(url: str, verify: bool) -> list[str]:
    options = f"--silent --show-error --globoff --noproxy '*' --max-time {LOOK_SECONDS}"
    insecure = "" if verify else " --insecure"
    output = "--output \"$body\" --write-out '%{http_code}'"
    return [
        "command -v curl >/dev/null || { echo 'curl is missing'; exit 127; }",
        "body=$(mktemp) || exit 1",
        "trap 'rm -f \"$body\"' EXIT",
        f"status=$(curl {options}{insecure} {output} -- {shlex.quote(url)} 2>&1)",
        "code=$?",
        'echo "$status"',
        f'[ $code -eq 0 ] && head -c {_BODY_CHARACTERS} "$body"',
        "exit $code",
    ]


def _windows_tcp(host: str, port: int) -> list[str]:
    return [
        "$client = New-Object Net.Sockets.TcpClient",
        f"try {{ $done = $client.ConnectAsync({_quoted(host)}, {port}).Wait({LOOK_SECONDS * 1000}) }}",
        "catch { Write-Output $_.Exception.GetBaseException().Message; exit 1 }",
        "if (-not $done) { Write-Output 'no answer in time'; exit 1 }",
        f"Write-Output ({_quoted(host)} + ' takes connections at port {port}')",
    ]


def _windows_http(url: str, verify: bool) -> list[str]:
    anything = [] if verify else ["[Net.ServicePointManager]::ServerCertificateValidationCallback = {$true}"]
    return [
        "[Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12",
        *anything,
        f"$request = [Net.WebRequest]::Create({_quoted(url)})",
        f"$request.AllowAutoRedirect = $false; $request.Timeout = {LOOK_SECONDS * 1000}; $request.Proxy = $null",
        "try { $answer = $request.GetResponse() } catch [Net.WebException] { $answer = $_.Exception.Response",
        "  if ($answer -eq $null) { Write-Output $_.Exception.Message; exit 1 } }",
        "Write-Output ([int]$answer.StatusCode)",
        "$text = (New-Object IO.StreamReader($answer.GetResponseStream())).ReadToEnd()",
        f"Write-Output $text.Substring(0, [Math]::Min($text.Length, {_BODY_CHARACTERS}))",
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
