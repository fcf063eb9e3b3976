"""The reviewed file of waivers, read again when it changes; while it is broken, the last good entries stay."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.mapping import People, WaiverEntry, load_waivers
from capa_sync.revision import file_revision

_ABSENT = b"\0absent"


class WaiverFile:
    """The waivers file of the settings, or none; one instance for all sources of a process.

    Attributes:
        shown: how the settings name it, "" for none. entries: of the last good content. revision: its git revision.
        problems: the mistakes of the present content. digest: of everything that the entries rest on.
    """

    def __init__(self, path: Path | None = None, shown: str = "") -> None:
        self._path = path
        self._lock = threading.Lock()
        self.shown = shown
        self.entries: tuple[WaiverEntry, ...] = ()
        self.revision = ""
        self.problems: tuple[Problem, ...] = ()
        self.digest = ""

    def look(self, people: Sequence[People], rules: Collection[str]) -> str:
        """Read the file if it has changed; return the digest of what its entries rest on, "" where there is none."""
        if self._path is None:
            return ""
        names = [(sorted(file.names), sorted(file.gone), file.groups.get(file.waiver_group)) for file in people]
        digest = hashlib.sha256(_content(self._path) + repr((names, sorted(rules))).encode()).hexdigest()
        with self._lock:
            if digest != self.digest:
                self._load(self._path, people, rules)
                self.digest = digest
        return digest

    def _load(self, path: Path, people: Sequence[People], rules: Collection[str]) -> None:
        try:
            self.entries = load_waivers(path, self.shown, people, rules)
        except UserError as error:
            self.problems = tuple(error.problems)
        else:
            self.problems, self.revision = (), file_revision(path)


def _content(path: Path) -> bytes:
    """Return the content of the file; its mistakes, also that it cannot be read, are reported by the loader."""
    try:
        if not path.is_file():
            return _ABSENT
        with path.open("rb") as file:
            return file.read(1 << 20)
    except OSError:
        return _ABSENT
