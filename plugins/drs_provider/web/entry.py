"""What the plugin hands to Airflow: where the page stands in its UI, and an app that is loaded with its first request.

Every process of Airflow loads plugins, tasks' too: nothing here imports more than the standard library.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import quote

from drs_provider.web.place import AIRFLOW

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
#: On every answer, whatever it is. An answer that says how long it may be kept keeps that.
HEADERS: Final = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class Page:
    """The page's app (ASGI), imported when the first request comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        from drs_provider.web.app import page_app

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message = {
                    **message,
                    "headers": [*given, *(item for item in HEADERS.items() if item[0] not in names)],
                }
            await send(message)

        scope[AIRFLOW] = scope.get("app")
        await page_app()(scope, receive, send_with_headers)


def _icon(colour: str) -> str:
    lines = "M4 12a8 8 0 1 1 2.3 5.6M4 12V7m0 5h5M12 8v4l3 2"
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke-linecap="round" '
        f'stroke-linejoin="round" stroke-width="2" stroke="{colour}"><path d="{lines}"/></svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


_LOOKS: Final = {"name": "Recovery", "icon": _icon("#374151"), "icon_dark_mode": _icon("#e5e7eb")}

#: Addresses are relative: Airflow's UI has its base path in the document's base.
EXTERNAL_VIEWS: Final = (
    {**_LOOKS, "href": "drs/", "destination": "nav", "nav_top_level": True, "url_route": "recovery"},
    {
        **_LOOKS,
        "href": "drs/executions/dag:{DAG_ID}/{RUN_ID}",
        "destination": "dag_run",
        "url_route": "recovery-run",
    },
)
