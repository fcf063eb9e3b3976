"""Fields that an answer leaves out are unknown, not empty: they are requested once, else the mirror's values stay.

A field whose value is not of Jira's form (null, an object instead of a list) was left out, too (`parts.is_shown`).

The record part stores which fields are unknown in this version of the ticket, and whether they were requested
(`parts.UNKNOWN`). So after a restart or a rebuild nothing is requested again, and no waiting ticket is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capa_sync.errors import AccessDenied
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.draft import Draft
from capa_sync.sources.jira.parts import KINDS, KNOWN, UNASKED, UNDELIVERED, UNKNOWN, is_shown
from capa_sync.sources.jira.shapes import one_issue

_COMMENT = "comment"
ASKED_A_CYCLE = 100
"""Maximum requests for left-out fields in one cycle; comments are a request of their own."""
INCOMPLETE_AT_ONCE = 50
"""Maximum tickets with an incomplete history that are read again after one sign-in."""
_HOUR = 3600


class Absent:
    """Completes the answers of one Jira.

    A field that this Jira did not return on request is not requested for other tickets until an answer contains it
    again, or until the next full read. After a restart the mirror shows which fields these are.
    """

    def __init__(self, client: JiraClient, lookup: MirrorLookup) -> None:
        self._client = client
        self._lookup = lookup
        self._answered: dict[str, tuple[Any, Mapping[str, Any]]] = {}
        self._left = ASKED_A_CYCLE
        self._undelivered: set[str] | None = None
        self._has_taken_incomplete = False

    def begin_cycle(self, *, full: bool) -> None:
        """Allow another hundred requests."""
        self._answered.clear()
        self._left = ASKED_A_CYCLE
        if full:
            self._undelivered = set()

    def may_ask(self) -> bool:
        """Take one of the cycle's remaining requests; when none is left, the ticket waits for the next cycle."""
        self._left -= 1
        return self._left >= 0

    def take_waiting(self) -> list[str]:
        """Return the ids of waiting tickets to read by id, as many as requests remain, and count that reading.

        Half of the requests are kept for their comments. Cloud returns a hundred tickets in one answer.
        """
        most = max(0, self._left - 1 if self._client.is_cloud else self._left // 2)
        ids = list(self._lookup.unasked(self._client.source))[:most]
        self._left -= min(1, len(ids)) if self._client.is_cloud else len(ids)
        return list(dict.fromkeys((*ids, *self._take_incomplete())))

    def _take_incomplete(self) -> list[str]:
        """Return tickets whose history was not shown whole: once after each sign-in, other ones in each hour.

        That is mostly a passing trouble, and nothing else reads the ticket before its next edit or a full read.
        """
        now = self._client.answered_at
        if self._has_taken_incomplete or now is None:
            return []
        self._has_taken_incomplete = True
        ids = list(self._lookup.incomplete(self._client.source))
        start = int(now.timestamp()) // _HOUR * INCOMPLETE_AT_ONCE % max(1, len(ids))
        return (ids[start:] + ids[:start])[:INCOMPLETE_AT_ONCE]

    def carry(self, draft: Draft) -> None:
        """Fill in from the mirror what the answer left out, and what the mirror knows about that."""
        fields = draft.fields
        if draft.is_carried or not fields or draft.is_oversized or draft.fault:
            return
        draft.is_carried = True
        draft.absent = tuple([name for name in KINDS if name not in fields])
        if len(draft.absent) < len(KINDS) and (never := self._never_returned()):
            never.difference_update([name for name in KINDS if name in fields])
        if not draft.absent:
            return
        mirrored = self._lookup.record(self._client.source, draft.id) or {}
        held, marks = mirrored.get("fields") or {}, mirrored.get(UNKNOWN) or {}
        shown = {name: held[name] for name in draft.absent if name in held and _is_held(name, held[name])}
        states = {name: marks.get(name, KNOWN if name in shown else UNASKED) for name in draft.absent}
        if held.get("updated") == fields.get("updated"):
            draft.settled |= {name for name, state in states.items() if state != UNASKED}
        draft.issue["fields"].update(shown)
        draft.mark(states)

    def carry_refused(self, draft: Draft) -> None:
        """Mark what Jira refused of this very version before, so that polls do not read an unchanged ticket again."""
        mirrored = self._lookup.record(self._client.source, draft.id) or {}
        held, marks = mirrored.get("fields") or {}, mirrored.get(UNKNOWN) or {}
        refused = {name: state for name, state in marks.items() if state == UNDELIVERED and name not in draft.absent}
        if refused and held.get("updated") == draft.fields.get("updated"):
            draft.mark(refused)

    def complete(self, draft: Draft) -> None:
        """Request what the answer left out, once for each version of the ticket; the rest is marked as unknown."""
        self.carry(draft)
        if not draft.absent or draft.lack:
            return
        wanted = [name for name in draft.absent if name not in draft.settled]
        if _COMMENT in wanted:
            draft.mark({_COMMENT: UNASKED})  # until they are read
            wanted.remove(_COMMENT)
        if wanted:
            never = self._never_returned()
            lacking = wanted if draft.is_by_id else [name for name in wanted if name in never]
            never.update(lacking)
            draft.settle(dict.fromkeys(lacking, UNDELIVERED))
            self._ask(draft, [name for name in wanted if name not in lacking])

    def _ask(self, draft: Draft, wanted: list[str]) -> None:
        try:
            answer_fields = self._answer(draft, wanted) if wanted else {}
        except AccessDenied:  # this ticket alone is refused: others may still be asked for
            draft.settle(dict.fromkeys(wanted, UNDELIVERED))
            return
        if not answer_fields:
            draft.mark(dict.fromkeys(wanted, UNASKED))
            return
        draft.issue["fields"].update({name: answer_fields[name] for name in wanted if name in answer_fields})
        draft.settle({name: KNOWN if name in answer_fields else UNDELIVERED for name in wanted})
        self._never_returned().update(name for name in wanted if name not in answer_fields)

    def _answer(self, draft: Draft, wanted: list[str]) -> Mapping[str, Any]:
        """Request fields of one ticket; empty when no request is left, or the ticket is gone."""
        version = draft.fields.get("updated")
        asked = self._answered.get(draft.id)
        if asked is not None and asked[0] == version:
            return asked[1]
        if not self.may_ask():
            return {}
        answer = self._client.find(f"issue/{draft.id}", {"fields": ",".join(("updated", *wanted))})
        issue = None if answer is None else one_issue(self._client.source, answer, draft.id)
        answer_fields = issue.get("fields") if issue else None
        found = answer_fields if isinstance(answer_fields, dict) else {}
        found = {name: value for name, value in found.items() if name not in KINDS or is_shown(name, value)}
        self._answered[draft.id] = (version, found)
        return found

    def _never_returned(self) -> set[str]:
        """Return the fields that this Jira did not return on request and in no answer since."""
        if self._undelivered is None:
            kinds = self._lookup.undelivered(self._client.source)
            self._undelivered = {name for name, kind in KINDS.items() if kind in kinds}
        return self._undelivered


def _is_held(name: str, value: Any) -> bool:
    """Tell whether a mirrored record knows a field; of the comments it has only the number."""
    return name == _COMMENT or is_shown(name, value)
