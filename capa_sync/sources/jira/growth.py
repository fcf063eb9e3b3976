"""Compares each history with the mirror's: in Jira it only grows, so an entry that is missing now was not sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import Any

from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.history import REFUSED, TOO_LARGE, unique
from capa_sync.sources.jira.parts import HISTORY


class Growth:
    """Finds histories that lack what the mirror holds, and reads their tickets alone.

    Args:
        source: name of the source. lookup: what the mirror holds.
        read_again: reads the history of one ticket alone; it is given the number of entries that are expected.
    """

    def __init__(
        self, source: str, lookup: MirrorLookup, read_again: Callable[[Draft, int], list[Any] | None]
    ) -> None:
        self._source = source
        self._lookup = lookup
        self._read_again = read_again

    def restore(self, drafts: Sequence[Draft], logs: dict[str, list[Any]]) -> None:
        """Replace the histories in `logs` (by ticket id) that lack mirrored entries.

        One look into the mirror serves all drafts, and nothing is requested where nothing is missing.
        """
        listed = {draft.id: draft for draft in drafts if _is_listed(logs.get(draft.id))}
        for id_, held in self._lookup.history_entries(self._source, list(listed)).items():
            if not held <= unique(logs[id_]).keys():
                logs[id_] = self._restored(listed[id_], logs[id_], held)

    def _restored(self, draft: Draft, entries: list[Any], held: Set[str]) -> list[Any]:
        """Return the history as the ticket alone shows it.

        Where that lacks an entry, too, all entries are kept that were ever shown, and the history is not complete.
        """
        first = unique(entries)
        expected = held | first.keys()
        again = self._read_again(draft, len(expected))
        if again is TOO_LARGE:
            return TOO_LARGE
        alone = unique(again) if again is not None and _is_listed(again) else {}
        if expected <= alone.keys():
            return list(alone.values())
        draft.is_complete = False
        mirrored = self._lookup.part(self._source, draft.id, HISTORY) or {}
        return list({**unique(mirrored.get("histories") or ()), **first, **alone}.values())


def _is_listed(log: list[Any] | None) -> bool:
    return log is not None and log is not REFUSED and log is not TOO_LARGE
