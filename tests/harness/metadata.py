"""The metadata service of an instance or a container, from which a machine has its credentials."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Metadata:
    """An instance's or container's metadata service over HTTP, which a test switches off and on."""

    def __init__(self, access_key: str, secret_key: str = "of-the-machine") -> None:
        self._keys = {"AccessKeyId": access_key, "SecretAccessKey": secret_key}
        self.works = True
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = metadata.answer(self.path).encode()
                self.send_response(200 if metadata.works else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_PUT = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str) -> str:
        if path.endswith("security-credentials/"):
            return "worker"
        expires = datetime.now(UTC) + timedelta(hours=6)
        return json.dumps(
            {
                "Code": "Success",
                **self._keys,
                "Token": "token",
                "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def renew_always(monkeypatch: Any) -> None:
    """Let botocore renew credentials at every call."""
    for name in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
        monkeypatch.setattr(f"botocore.credentials.RefreshableCredentials.{name}", 10**9)
