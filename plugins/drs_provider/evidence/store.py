"""The evidence store: files below ``[drs] reports_path``, each created once and never overwritten."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore.exceptions import ClientError

from drs_provider.core.texts import cause
from drs_provider.hooks.aws.errors import error_code
from drs_provider.storage import folder_of

_LOCAL = frozenset({"", "file", "local"})
_IS_THERE = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class EvidenceStoreError(OSError):
    """The evidence store cannot be read or written; the message says why."""


class EvidenceStore:
    """Reads and creates files in a folder, or below a prefix of an S3 bucket.

    Creating is exclusive: of two that create the same file one succeeds. Other object storages are refused, because
    whether they keep that is not known.

    :param url: ``file://…``, ``s3://connection@bucket/…``, or a path
    :raises EvidenceStoreError: if it is no folder of these
    """

    def __init__(self, url: str) -> None:
        self.url = url
        with self._explained():
            self._root = folder_of(url)
            self._fs = self._root.fs
        self._is_local = self._root.protocol in _LOCAL
        if not self._is_local and self._root.protocol != "s3":
            raise EvidenceStoreError(f"{url}: the chain of evidence needs file:// or s3://")

    def paths(self, folder: str = "") -> list[str]:
        """Return the paths of all files below a folder, relative to the store.

        :raises EvidenceStoreError: if they cannot be listed
        """
        below = self._full(folder)
        with self._explained():
            self._fs.invalidate_cache()
            found = self._fs.find(below) if self._fs.exists(below) else []
        return sorted(str(path)[len(self._root.path.rstrip("/")) + 1 :] for path in found)

    def read(self, path: str) -> bytes:
        """Return a file's content.

        :raises FileNotFoundError: if there is no such file
        :raises EvidenceStoreError: if it cannot be read
        """
        with self._explained(FileNotFoundError):
            # At once, without asking for the size: that would come from a listing that may be old.
            options = {} if self._is_local else {"max_concurrency": 1}
            content: bytes = self._fs.cat_file(self._full(path), **options)
        return content

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file.

        :raises EvidenceStoreError: if that cannot be known
        """
        with self._explained():
            self._fs.invalidate_cache()
            return bool(self._fs.exists(self._full(path)))

    def read_all(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of files by path, several at a time; raises what :meth:`read` raises."""
        wanted = {self._full(path): path for path in paths}
        if not wanted:
            return {}
        with self._explained(FileNotFoundError):
            found = self._fs.cat(list(wanted), recursive=False)
        return {wanted[full]: content for full, content in found.items()}

    def create(self, path: str, content: bytes) -> bool:
        """Create a file, whole or not at all; False if there is one already.

        :raises EvidenceStoreError: if it cannot be written
        """
        full = self._full(path)
        try:
            if self._is_local:
                _create_local(Path(full), content)
            else:
                # S3's conditional put (If-None-Match).
                self._fs.pipe_file(full, content, mode="create")
        except FileExistsError:
            return False
        except Exception as error:
            if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) in _IS_THERE:
                return False
            raise self._failed(error) from error
        return True

    def _full(self, path: str) -> str:
        return f"{self._root.path.rstrip('/')}/{path}".rstrip("/")

    @contextmanager
    def _explained(self, *passing: type[Exception]) -> Iterator[None]:
        """Raise whatever a storage raises as this store's error, but for what the caller knows what to do with."""
        try:
            yield
        except passing:
            raise
        except Exception as error:  # what a storage's credentials end in is anybody's guess
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> EvidenceStoreError:
        return EvidenceStoreError(
            f"the evidence store {self.url} fails: {cause(str(error) or type(error).__name__)}"
        )


def _create_local(path: Path, content: bytes) -> None:
    """Create a file that is never seen half written: it gets its name when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.link(name, path)
    finally:
        Path(name).unlink()
