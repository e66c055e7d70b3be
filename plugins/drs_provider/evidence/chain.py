"""Adds links to the chain, beside other Airflows that do the same."""

from __future__ import annotations

import logging
import random
import time

from drs_provider.evidence.links import (
    FOLDER,
    SIGNATURE,
    Entry,
    Head,
    link_bytes,
    link_path,
    number_of,
    sha256_of,
    signed_content,
    unsigned_link,
)
from drs_provider.evidence.signing import Signer
from drs_provider.evidence.store import EvidenceStore, EvidenceStoreError

log = logging.getLogger(__name__)

#: Of so many writers at once each gets through: in every round one of them does.
TRIES = 64
_PAUSE_SECONDS = 0.05


def head_of(store: EvidenceStore) -> Head:
    """Return the newest link.

    :raises EvidenceStoreError: if the store cannot be read
    """
    numbers = [number_of(path.removeprefix(f"{FOLDER}/")) for path in store.paths(FOLDER)]
    newest = max((number for number in numbers if number), default=0)
    return Head(newest, sha256_of(store.read(link_path(newest)))) if newest else Head()


def append(store: EvidenceStore, entry: Entry, signer: Signer | None, *, written_at: float) -> Head:
    """Add a link to the chain's end, and return it; tried again when somebody was faster.

    :param signer: None: the link is not signed
    :param written_at: epoch seconds
    :raises EvidenceStoreError: if the store cannot be read or written
    """
    for _ in range(TRIES):
        before = head_of(store)
        link = unsigned_link(entry, before, written_at)
        if signer is not None:
            link[SIGNATURE] = signer.sign(signed_content(link))
        content = link_bytes(link)
        if store.create(link_path(link["number"]), content):
            log.info(
                "Link %d of the chain of evidence: %s of %s", link["number"], entry.kind, entry.execution_id
            )
            return Head(link["number"], sha256_of(content))
        time.sleep(random.uniform(0, _PAUSE_SECONDS))
    raise EvidenceStoreError(f"others were faster {TRIES} times in adding to {store.url}/{FOLDER}")
