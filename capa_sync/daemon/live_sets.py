"""What the daemon needs of the live verdict set: it sees edits, and makes a runtime with the set that is live now."""

from __future__ import annotations

from typing import Protocol

from capa_sync.daemon.runtime import Runtime


class LiveSets(Protocol):
    """The verdict sets of the daemon's register and settings (`capa_sync.live`)."""

    def look(self) -> None:
        """Look for edits of the files; check and test a changed set, and make it live where the settings say so."""

    def runtime(self) -> Runtime:
        """Return a new runtime with the live set, on the open register. Raises UserError when it does not load."""
