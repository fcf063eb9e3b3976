"""The guard of the listener: accepts each valid hint once, and counts the others; no I/O."""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import field

from capa_sync.hints.box import HintBox
from capa_sync.hints.payload import ids_in
from capa_sync.kinds import Header, HintFormat
from capa_sync.model.light import light

REMEMBERED = 4096
"""Number of hint identifiers kept for all sources together; Jira repeats a hint for up to half an hour."""
ACCEPTED, REFUSED = 202, 401

_PATH = re.compile(r"/hints/([a-z][a-z0-9_-]{0,39})/?(?:\?.*)?", re.ASCII)
_LONGEST_IDENTIFIER = 200


@light
class HintSource:
    """A source that accepts hints: the form of its kind's hints, and the secret shared with its tracker."""

    format: HintFormat
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

    def admit(self, path: str, header: Header, body: bytes) -> int:
        """Return the status of the answer: ACCEPTED, or REFUSED without a reason.

        A signed hint that names no ticket or is repeated is accepted and has no effect.
        """
        name = self._source_of(path)
        source = self._sources[name] if name is not None else None
        if name is None or source is None or not source.format.is_genuine(source.secret, header, body):
            self.count("refused")
            return REFUSED
        identifier = header(source.format.identifier)[:_LONGEST_IDENTIFIER] if source.format.identifier else ""
        if identifier and self._is_repeated((name, identifier)):
            self.count("repeated")
            return ACCEPTED
        self.count("accepted")
        dropped = self._box.put(name, ids_in(source.format, body))
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
