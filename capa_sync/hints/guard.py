"""The guard of the listener: accepts each valid hint once, and counts the others; no I/O."""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from capa_sync.hints.box import HintBox
from capa_sync.hints.payload import ids_in
from capa_sync.hints.signature import is_secret, is_signed

REMEMBERED = 4096
"""Number of hint identifiers kept for all sources together; Jira repeats a hint for up to half an hour."""
ACCEPTED, REFUSED = 202, 401

_PATH = re.compile(r"/hints/([a-z][a-z0-9_-]{0,39})/?(?:\?.*)?", re.ASCII)
_LONGEST_IDENTIFIER = 200

Headers = Callable[[str], str]
"""Returns a request's header by name, "" when it is absent."""


@dataclass(frozen=True, slots=True)
class HintSource:
    """A source that accepts hints: its kind, `jira` or `servicenow`, and the secret shared with its tracker."""

    kind: str
    secret: str = field(repr=False)


class HintGuard:
    """Puts the ids of accepted hints into the box; several threads may call it.

    Args:
        sources: by name. box: receives the ids of accepted hints.
    """

    def __init__(self, sources: Mapping[str, HintSource], box: HintBox) -> None:
        self._sources = dict(sources)
        self._box = box
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def knows(self, path: str) -> bool:
        """Return whether a path belongs to a source; checked before the rest of a request is read."""
        return self._source_of(path) is not None

    def admit(self, path: str, header: Headers, body: bytes) -> int:
        """Return the status of the answer: ACCEPTED, or REFUSED without a reason.

        A signed hint that names no ticket or is repeated is accepted and has no effect.
        """
        name = self._source_of(path)
        if name is None or not _is_from(self._sources[name], header, body):
            self.count("refused")
            return REFUSED
        identifier = header("X-Atlassian-Webhook-Identifier")[:_LONGEST_IDENTIFIER]
        if identifier and self._is_repeated((name, identifier)):
            self.count("repeated")
            return ACCEPTED
        self.count("accepted")
        dropped = self._box.put(name, ids_in(self._sources[name].kind, body))
        self.count("dropped", dropped)
        return ACCEPTED

    def count(self, what: str, number: int = 1) -> None:
        """Add to a counter of the next tally."""
        if number:
            with self._lock:
                self._counts[what] += number

    def tally(self) -> dict[str, int]:
        """Return the counts since the last tally: accepted, repeated, refused, dropped."""
        with self._lock:
            counts, self._counts = dict(self._counts), Counter()
        return counts

    def _source_of(self, path: str) -> str | None:
        found = _PATH.fullmatch(path)
        return found[1] if found and found[1] in self._sources else None

    def _is_repeated(self, hint: tuple[str, str]) -> bool:
        with self._lock:
            is_known = hint in self._seen
            self._seen[hint] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return is_known


def _is_from(source: HintSource, header: Headers, body: bytes) -> bool:
    """Return whether the sender of a hint knows the secret."""
    if source.kind == "jira":
        return is_signed(source.secret, body, header("X-Hub-Signature"))
    signature = header("X-Capa-Sync-Signature")
    if signature:
        return is_signed(source.secret, body, signature)
    return is_secret(source.secret, header("X-Capa-Sync-Secret"))
