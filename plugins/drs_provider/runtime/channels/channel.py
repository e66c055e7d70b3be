"""What tasks tell each other: published signed, read only once it is proven.

Whoever may edit a run may write its XComs and task states. So what anything rests on carries a signature over content,
purpose and binding (:mod:`drs_provider.core.evidence`). A channel says once how that is done for one kind of content.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from drs_provider import keys, settings
from drs_provider.airflow_api.state_store import KeptState, TaskState
from drs_provider.core import evidence
from drs_provider.core.canonical import content_hash, plain
from drs_provider.core.evidence import SIGNATURE, TamperedError
from drs_provider.exceptions import EvidenceError
from drs_provider.runtime.channels.party import Party, Reader
from drs_provider.runtime.channels.rows import ROWS_PER_XCOM, row_chunks

log = logging.getLogger(__name__)

T = TypeVar("T")

#: What a message is bound to beside its execution
WAVE, ATTEMPT, PLAN_HASH = "wave", "attempt", "plan_hash"
ROWS_APART = "rowsApart"
_COPY: Any = dict  # of values that are plain data


class Place(Enum):
    """Where a message is kept, and what takes it away."""

    XCOM = "XComs of the writer: go when it begins again, in a retry or a clear"
    PREPARE = "XComs of `prepare`, whoever writes: go when `prepare` begins again"
    STORE = "the writer's task state: survives retries and clears, and only the writer can read it"
    COPY = "a copy of that state in an XCom of `prepare`, which others can read"


@dataclass(frozen=True)
class Told(Generic[T]):
    """What was read, proven.

    :param value: None if nothing was published
    :param binding: what it is bound to: ``execution_id``, ``wave``, ``attempt``, ``plan_hash``
    """

    purpose: str
    value: T | None
    binding: Mapping[str, Any]

    def required(self) -> T:
        """Return the value.

        :raises EvidenceError: if nothing was published
        """
        if self.value is None:
            raise _missing(self.purpose)
        return self.value


@dataclass(frozen=True)
class Channel(Generic[T]):
    """One kind of message.

    :param purpose: what it is signed for
    :param key: XCom and state key; ``{wave}`` and ``{attempt}`` stand for the message's own
    :param writers: tasks that publish it; readers need not name a single one
    :param dump: returns a value's plain data; the default is for values that are plain data
    :param load: returns the value of plain data
    :param binds: what it is bound to beside the execution
    :param readable: the content is plain, its signature beside it: for pages and people
    :param signature_key: the signature stands in an XCom of its own: the content is read whole by others
    :param rows: field of the content that is a list, and travels in pieces if it is long
    """

    purpose: str
    key: str
    writers: tuple[str, ...]
    dump: Callable[[T], Mapping[str, Any]] = _COPY
    load: Callable[[dict[str, Any]], T] = _COPY
    binds: frozenset[str] = frozenset({WAVE, PLAN_HASH})
    places: frozenset[Place] = frozenset({Place.XCOM})
    readable: bool = False
    signature_key: str | None = None
    rows: str | None = None

    def publish(self, party: Party, value: T, *, wave: int | None = None, attempt: int | None = None) -> None:
        """Sign and write a message of the running task.

        :param wave: number of the wave that it is about; needed if the channel binds waves, as is ``attempt``
        :raises DrsConfigurationError: if the signing key is missing or malformed; nothing is written then
        """
        content: dict[str, Any] = plain(dict(self.dump(value)))
        pieces = self._take_rows_apart(content)
        bound_to = self._bound(party, wave, attempt)
        key = self.key_of(wave, attempt)
        if self.readable:
            seal = self._sealed({"digest": content_hash(content)}, bound_to)
            # The signature first, so that no content is without.
            pieces |= {self.signature_key: seal} if self.signature_key else {}
            content = content if self.signature_key else {**content, SIGNATURE: seal}
        else:
            content = self._sealed(content, bound_to)
        for piece_key, piece in pieces.items():
            party.view.push(piece_key, piece)
        if Place.STORE in self.places:
            self._store(party).set(key, content)
        if Place.PREPARE in self.places:
            party.view.push_own(keys.PREPARE, key, content)
        if Place.XCOM in self.places:
            party.view.push(key, content)

    def publish_again(self, party: Party, *, wave: int | None = None) -> Any:
        """Write the XCom again that a retry or clear has taken away, from the task's state, as it stands there.

        It is not looked at: whoever reads it verifies it.

        :return: what is stored, or None
        """
        key = self.key_of(wave, None)
        stored = self._store(party).get(key)
        if stored is not None:
            party.view.push(key, stored)
        return stored

    def read(
        self,
        party: Reader,
        *,
        wave: int | None = None,
        attempt: int | None = None,
        task_id: str | None = None,
    ) -> Told[T]:
        """Return what was published, proven to be it.

        :param task_id: who published it; needed if the channel has several writers
        :raises EvidenceError: if it was changed, is not signed, or belongs to something else
        """
        writer = task_id or self.writers[0]
        stored = self._fetch(party, writer, self.key_of(wave, attempt))
        if stored is None:
            return Told(self.purpose, None, {})
        seal = party.view.pull(writer, self.signature_key) if self.signature_key else None
        content, bound_to = self._opened(stored, seal)
        wanted = self._bound(party, wave, attempt)
        if party.execution_id is None:
            wanted = {**bound_to, **{name: wanted[name] for name in self.binds & {WAVE}}}
        self._require_binding(bound_to, wanted)
        if ROWS_APART in content:
            content[str(self.rows)] = self._rows(party, writer, content.pop(ROWS_APART))
        return self._told(content, bound_to)

    def believed(
        self, party: Reader, doubt: str, *, wave: int | None = None, task_id: str | None = None
    ) -> T | None:
        """Return what was published; None, with a line in the log, if it does not verify.

        :param doubt: what follows if it does not, for the log
        """
        try:
            return self.read(party, wave=wave, task_id=task_id).value
        except EvidenceError as error:
            log.warning("%s: %s", doubt, error)
            return None

    def verified(self, stored: Any, *, execution_id: str) -> Told[T]:
        """Return what :meth:`read` returns of a stored value: for the triggerer, which fetches XComs in its own way.

        :param stored: of a channel that binds nothing but the execution
        :raises EvidenceError: as :meth:`read`
        """
        content, bound_to = self._opened(stored, None)
        self._require_binding(bound_to, evidence.binding(execution_id))
        return self._told(content, bound_to)

    def key_of(self, wave: int | None = None, attempt: int | None = None) -> str:
        """Return the XCom and state key of a message."""
        return self.key.format(wave=wave, attempt=attempt)

    def _bound(self, party: Reader, wave: int | None, attempt: int | None) -> dict[str, Any]:
        bound = evidence.binding(
            party.execution_id or "",
            wave=wave if WAVE in self.binds else None,
            attempt=attempt if ATTEMPT in self.binds else None,
            plan_hash=party.plan_hash if PLAN_HASH in self.binds else None,
        )
        if party.execution_id is not None and (
            missing := {name for name in self.binds if bound[name] is None}
        ):
            raise ValueError(f"{self.purpose} is bound to {', '.join(sorted(missing))}: say which")
        return bound

    def _require_binding(self, bound_to: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        try:
            evidence.require_binding(self.purpose, bound_to, wanted)
        except TamperedError as error:
            raise _tampered(error) from error

    def _told(self, content: dict[str, Any], bound_to: Mapping[str, Any]) -> Told[T]:
        try:
            return Told(self.purpose, self.load(content), bound_to)
        except (TypeError, ValueError, LookupError) as error:
            raise EvidenceError(
                f"evidence {self.purpose!r} is genuine and cannot be read: another version of the provider wrote it "
                f"({error})"
            ) from error

    def _sealed(self, payload: Any, bound_to: Mapping[str, Any]) -> dict[str, Any]:
        return evidence.seal(payload, key=settings.signing_key(), purpose=self.purpose, binding=bound_to)

    def _opened(self, stored: Any, seal: Any) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """Return content and binding of a stored value whose signature verifies."""
        content = dict(stored) if isinstance(stored, Mapping) else {}
        if not self.readable:
            seal = stored
        elif self.signature_key is None:
            seal = content.pop(SIGNATURE, None)
        if not isinstance(seal, Mapping):
            raise _missing(self.purpose)
        try:
            payload, bound_to = evidence.read_sealed(seal, keys=settings.signing_keys(), purpose=self.purpose)
        except TamperedError as error:
            raise _tampered(error) from error
        if self.readable and payload != {"digest": _digest(content)}:
            raise changed(self.purpose)
        return (content if self.readable else payload), bound_to

    def _store(self, party: Reader) -> TaskState:
        kind = KeptState if Place.COPY in self.places else TaskState
        return kind(party.context)

    def _fetch(self, party: Reader, task_id: str, key: str) -> Any:
        if Place.STORE in self.places and party.view.task_id == task_id:
            return self._store(party).get(key)
        stored = None
        if Place.PREPARE in self.places:
            stored = party.view.pull(keys.PREPARE, key)
        if Place.XCOM in self.places:
            stored = party.view.pull(task_id, key)
        if stored is None and Place.COPY in self.places:
            stored = party.view.pull(keys.PREPARE, keys.state_copy_key(task_id, key))
        return stored

    def _take_rows_apart(self, content: dict[str, Any]) -> dict[str, Any]:
        """Take long rows out of the content, which keeps their hashes; return them by XCom key."""
        rows = content.get(self.rows, []) if self.rows else []
        if len(rows) <= ROWS_PER_XCOM:
            return {}
        del content[str(self.rows)]
        pieces = row_chunks(rows)
        content[ROWS_APART] = [content_hash(piece) for piece in pieces.values()]
        return dict(pieces)

    @staticmethod
    def _rows(party: Reader, task_id: str, hashes: list[str]) -> list[Any]:
        rows: list[Any] = []
        for number, expected in enumerate(hashes):
            piece = party.view.pull(task_id, keys.server_rows_key(number))
            if piece is None or content_hash(piece) != expected:
                raise changed(keys.server_rows_key(number))
            rows += piece
        return rows


def _digest(content: Mapping[str, Any]) -> str | None:
    """Return the hash of content, or None of such as no JSON carries: nobody has signed that."""
    try:
        return content_hash(content)
    except (TypeError, ValueError):
        return None


def changed(purpose: str) -> EvidenceError:
    """Return the error for content that does not agree with its signature."""
    return EvidenceError(
        f"evidence {purpose!r} does not verify: its content was changed. Nothing rests on evidence that does not "
        "verify."
    )


def fingerprint(stored: Any) -> str | None:
    """Return what tells one stored message from another one of its kind, or None if there is none; proves nothing."""
    seal = stored.get(SIGNATURE, stored) if isinstance(stored, Mapping) else None
    return str(seal["mac"]) if isinstance(seal, Mapping) and "mac" in seal else None


def _missing(purpose: str) -> EvidenceError:
    return EvidenceError(
        f"the evidence {purpose!r} is missing: the task that writes it was cleared, or marked as success "
        "without having run. Clear that task and everything behind it."
    )


def _tampered(error: TamperedError) -> EvidenceError:
    return EvidenceError(f"{error}. Nothing is started on evidence that does not verify.")
