"""Reads whole histories of Data Center tickets: each is inside its issue, with the number of its entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from capa_sync.sources.jira.byid import ById
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.history import REFUSED, TOO_LARGE, unique
from capa_sync.sources.jira.shapes import items_and_total

Listed = tuple[list[Any], int]


class InsideHistories:
    """Takes the histories out of a Data Center's issues."""

    def __init__(self, by_id: ById) -> None:
        self._by_id = by_id

    def read(self, drafts: Sequence[Draft]) -> dict[str, list[Any]]:
        """Return ticket id -> its history, TOO_LARGE or REFUSED; a ticket that is gone has no key.

        A history that is not whole, or not of Jira's form, is read again with its ticket alone.
        """
        logs: dict[str, list[Any]] = {}
        for draft in drafts:
            listed = _listed(draft)
            log = listed[0] if listed is not None and _is_whole(listed) else self.read_again(draft, listed)
            if log is not None:
                logs[draft.id] = log
        return logs

    def read_again(self, draft: Draft, listed: Listed | None = None) -> list[Any] | None:
        """Read a ticket alone and return its history; `listed` is what an answer before showed of it.

        A history that no answer shows is REFUSED: it is unknown, not empty. That of a ticket that is gone is None.
        """
        alone = next(self._by_id.whole([draft.id]), None)
        if alone is None:
            return REFUSED if draft.id in self._by_id.refused else None
        draft.renew(Draft.of(alone))
        if draft.is_oversized:
            return TOO_LARGE
        listed = _listed(draft) or listed
        if listed is None:
            return REFUSED
        draft.is_complete = _is_whole(listed)
        return listed[0]


def _listed(draft: Draft) -> Listed | None:
    """Return the entries of an issue's own history, one of each id, and how many it says there are."""
    listed = items_and_total(draft.changelog, "histories")
    return None if listed is None else (list(unique(listed[0]).values()), listed[1])


def _is_whole(listed: Listed) -> bool:
    return listed[1] <= len(listed[0])
