"""Fields that an answer leaves out are unknown, not empty: they are requested once, else the mirror's values stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capa_sync.ports import MirrorLookup
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.parts import record_part

PLACES = ("issuelinks", "subtasks", "attachment")
"""Fields that every complete issue has, if only as an empty list; so has `comment`, which is read separately."""
HOLD_ACTIONS = frozenset({"issuelinks", "subtasks"})
"""Without these nobody knows a record's actions, so the record stays incomplete."""
ASKED_A_CYCLE = 100
"""Maximum requests for left-out fields in one cycle, one for each ticket."""


class Absent:
    """Completes the answers of one Jira.

    Attributes:
        undelivered: those of PLACES that were requested and that this Jira does not return.
    """

    def __init__(self, client: JiraClient, lookup: MirrorLookup) -> None:
        self._client = client
        self._lookup = lookup
        self._answered: dict[str, tuple[Any, Mapping[str, Any]]] = {}
        self._left = ASKED_A_CYCLE
        self._waiting: dict[str, None] = {}
        self.undelivered: set[str] = set()

    def begin_cycle(self) -> None:
        """Allow another hundred requests."""
        self._answered.clear()
        self._left = ASKED_A_CYCLE

    def may_ask(self, draft: Draft) -> bool:
        """Take one of the cycle's remaining requests; when none is left, the ticket waits for the next cycle."""
        self._left -= 1
        if self._left < 0:
            self._waiting[draft.id] = None
        return self._left >= 0

    def take_waiting(self) -> list[str]:
        """Return and forget the ids of waiting tickets, as many as requests remain."""
        ids = list(self._waiting)[: max(0, self._left)]
        for id_ in ids:
            del self._waiting[id_]
        return ids

    def carry(self, draft: Draft) -> None:
        """Fill in from the mirror what the answer left out."""
        missing = [name for name in (*PLACES, "comment") if name not in draft.fields]
        if not missing or not draft.fields or draft.is_oversized or draft.fault:
            return
        draft.absent = tuple(dict.fromkeys((*draft.absent, *missing)))
        self._put(draft, self._mirrored(draft.id), missing)

    def complete(self, draft: Draft) -> None:
        """Request what the answer left out, once for each version of the ticket; the rest is marked as unknown.

        A Jira on which attachments are switched off never returns them; that spoils no history.
        """
        self.carry(draft)
        wanted = [name for name in draft.absent if name in PLACES and name not in self.undelivered]
        if wanted:
            answer_fields = self._ask(draft, wanted)
            self._put(draft, answer_fields, wanted)
            self.undelivered |= {name for name in wanted if answer_fields and name not in answer_fields}
        switched_off = self.undelivered - HOLD_ACTIONS
        unknown = [name for name in PLACES if name not in draft.fields and name not in switched_off]
        if unknown and draft.fields and not draft.is_oversized:
            draft.is_complete = False

    def _ask(self, draft: Draft, wanted: list[str]) -> Mapping[str, Any]:
        version = draft.fields.get("updated")
        asked = self._answered.get(draft.id)
        if asked is not None and asked[0] == version:
            return asked[1]
        if not self.may_ask(draft):
            return {}
        answer = self._client.find(f"issue/{draft.id}", {"fields": ",".join(("updated", *wanted))})
        answer_fields = answer.get("fields") if isinstance(answer, dict) else None
        found = answer_fields if isinstance(answer_fields, dict) else {}
        self._answered[draft.id] = (version, found)
        return found

    def _mirrored(self, ticket: str) -> Mapping[str, Any]:
        record = self._lookup.record(self._client.source, ticket)
        fields = record.get("fields") if record else None
        return fields if isinstance(fields, dict) else {}

    def _put(self, draft: Draft, answer_fields: Mapping[str, Any], names: list[str]) -> None:
        found = {name: answer_fields[name] for name in names if name in answer_fields}
        if found:
            draft.issue["fields"].update(found)
            draft.part = record_part(draft.issue)
