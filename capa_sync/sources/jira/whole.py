"""Turns search rows into whole readings: each ticket with all its history and all its comments, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from capa_sync.errors import AnswerTooLarge, BadAnswer, Retryable, Skippable
from capa_sync.model.ticket import Part, Reading, Role
from capa_sync.sources.bodies import MOST_ENTRIES, UNREADABLE, TooMuch
from capa_sync.sources.jira.byid import ById
from capa_sync.sources.jira.changes import Dated, FieldNames
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.history import TOO_LARGE, Histories
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.parts import (
    RECORD,
    children_part,
    comments_part,
    history_part,
    record_part,
    split,
    undecorate,
)
from capa_sync.sources.jira.people import JiraAccounts
from capa_sync.sources.jira.shapes import counted_rows, entry_ids
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.sizes import Oversized, too_large

_STALE = timedelta(seconds=1)
_COMMENTS = 100
_ATTEMPTS = 3
Skip = tuple[str, str, str]


@dataclass(slots=True)
class Draft:
    """A search row split into parts: the issue, its record part, and the changelog and comments inside it.

    `is_by_id`: it came from the database, not from the search index. `absent`: fields that the answer left out.
    `has_unread_comments`: its comments are unknown, because they were left out and not read afterwards.
    `is_oversized`: the ticket is larger than an answer may be; only its outline is known.
    `fault`: why the ticket cannot be used, "" when it can.
    """

    id: str
    issue: dict[str, Any]
    part: Part
    changelog: dict[str, Any] | None
    comments: dict[str, Any] | None
    dated: Sequence[Dated] = ()
    is_complete: bool = True
    is_by_id: bool = False
    absent: tuple[str, ...] = ()
    has_unread_comments: bool = False
    is_oversized: bool = False
    fault: str = ""

    @classmethod
    def of(cls, issue: dict[str, Any]) -> Draft:
        """Split a row; this changes the row."""
        is_oversized = isinstance(issue, Oversized)
        changelog, comments = split(issue)
        try:
            return cls(str(issue["id"]), issue, record_part(issue), changelog, comments, is_oversized=is_oversized)
        except TooMuch as much:
            fields = issue.get("fields")
            updated = str(fields.get("updated")) if isinstance(fields, dict) else ""
            return cls(str(issue["id"]), issue, Part(RECORD, b"", updated), changelog, comments, fault=str(much))

    def renew(self, fresh: Draft) -> None:
        """Replace the content by that of a newer answer."""
        self.issue, self.part, self.is_by_id = fresh.issue, fresh.part, True
        self.changelog, self.comments, self.absent = fresh.changelog, fresh.comments, fresh.absent
        self.is_oversized, self.fault = fresh.is_oversized, fresh.fault

    @property
    def key(self) -> str:
        """The present key, or the id where the answer has no key."""
        return str(self.issue.get("key") or self.id)

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields; empty where the answer has none."""
        found = self.issue.get("fields")
        return found if isinstance(found, dict) else {}


class Assembler:
    """Makes readings whole.

    Args:
        client: the session. parser: the source's parser. names: Data Center's field names.
        people: notes every account met.
        lag: how long after an edit a search may still return the ticket's state before it.
        is_known_late: tells whether the mirror already holds a draft whose record is older than its history.
        complete: fills in what the answer left out. may_ask: takes one of the cycle's remaining requests for that.
    """

    def __init__(
        self,
        client: JiraClient,
        parser: JiraParser,
        names: FieldNames,
        people: JiraAccounts,
        lag: timedelta,
        is_known_late: Callable[[Draft], bool] = lambda _draft: False,
        complete: Callable[[Draft], None] = lambda _draft: None,
        may_ask: Callable[[Draft], bool] = lambda _draft: True,
    ) -> None:
        self._client = client
        self._parser = parser
        self._names = names
        self._people = people
        self._lag = lag
        self._is_known_late = is_known_late
        self._complete = complete
        self._may_ask = may_ask
        self._histories = Histories(client)
        self._by_id = ById(client)
        self._refused: dict[str, tuple[str, str]] = {}

    def forget_refused(self) -> None:
        """Process refused tickets again at their next read: their answer may have been wrong only once."""
        self._refused.clear()

    def assemble(
        self,
        drafts: Sequence[Draft],
        role_of: Callable[[Draft], Role],
        children: Mapping[str, list[dict[str, Any]]],
    ) -> tuple[list[Reading], list[Skip]]:
        """Complete drafts and parse them.

        Returns:
            Readings in the order of the drafts, and (id, key, reason) of the drafts that make no ticket. A ticket
            that no longer exists is in neither.
        """
        readings: list[Reading] = []
        skipped: list[Skip] = []
        for draft in self._with_history([*self._readable(drafts, skipped)], skipped):
            try:
                self._complete(draft)
                comments = self._comments(draft)
                if comments is not None:
                    readings.append(self._reading(draft, comments, role_of(draft), children.get(draft.id)))
            except (Skippable, *UNREADABLE) as error:
                skipped.append((draft.id, draft.key, _reason(error)))
        digests = {draft.id: draft.part.digest for draft in drafts}
        for ticket_id in [reading.ticket.id for reading in readings]:
            self._refused.pop(ticket_id, None)
        self._refused.update((id_, (digests.get(id_, ""), reason)) for id_, _key, reason in skipped)
        return readings, skipped

    def _readable(self, drafts: Iterable[Draft], skipped: list[Skip]) -> Iterator[Draft]:
        """Leave out, with a reason, drafts beyond the bounds and drafts whose present version made no ticket."""
        for draft in drafts:
            digest, refused = self._refused.get(draft.id, ("", ""))
            reason = too_large(self._client.most) if draft.is_oversized else draft.fault
            reason = reason or (refused if digest == draft.part.digest else "")
            if reason:
                skipped.append((draft.id, draft.key, reason))
            else:
                yield draft

    def _reading(
        self, draft: Draft, comments: list[Any], role: Role, children: list[dict[str, Any]] | None
    ) -> Reading:
        for name in ("assignee", "reporter", "creator"):
            self._people.meet(draft.fields.get(name))
        entries = [entry for _at, entry in draft.dated]
        ticket = self._parser.build(
            draft.issue, draft.dated, comments, children or (), history_complete=draft.is_complete
        )
        parts = [draft.part, history_part(entries, is_complete=draft.is_complete)]
        if not draft.has_unread_comments:
            parts.append(comments_part(comments))
        if children is not None:
            parts.append(children_part(children))
        return Reading(ticket, tuple(parts), role)

    def _with_history(self, drafts: list[Draft], skipped: list[Skip]) -> list[Draft]:
        """Add the histories, and read record and history again where the record may be older than its history."""
        self._refresh([draft for draft in drafts if self._is_hot(draft)])
        found = self._dated([*self._readable(drafts, skipped)], skipped)
        seen: dict[str, tuple[datetime, datetime] | None] = {}
        for _attempt in range(_ATTEMPTS):
            late = [draft for draft in found if _lateness(draft) and not self._is_known_late(draft)]
            stale = [draft for draft in late if seen.get(draft.id) != _lateness(draft)]
            if not stale:
                break  # a second equal answer is accepted: some trackers write history with a delay
            seen = {draft.id: _lateness(draft) for draft in stale}
            self._refresh(stale)
            again = {draft.id for draft in stale}
            renewed = {draft.id for draft in self._dated([*self._readable(stale, skipped)], skipped)}
            found = [draft for draft in found if draft.id in renewed or draft.id not in again]
        return found  # a ticket edited faster than it is read has an older `updated`: the next poll returns it

    def _is_hot(self, draft: Draft) -> bool:
        """Tell whether the search index may still return the ticket's old state: it was edited a moment ago.

        Data Center's tickets are read by id, or their row contains their history.
        """
        if not self._client.is_cloud or draft.is_by_id:
            return False
        now, updated = self._client.answered_at, _updated(draft)
        return now is None or updated is None or now - updated < self._lag

    def _dated(self, drafts: list[Draft], skipped: list[Skip]) -> list[Draft]:
        logs = self._cloud_logs(drafts) if self._client.is_cloud else self._inside_logs(drafts)
        found = []
        for draft in drafts:
            entries = logs.get(draft.id)
            if entries is TOO_LARGE:
                skipped.append((draft.id, draft.key, too_large(self._client.most)))
            if entries is None or entries is TOO_LARGE:
                continue
            if len(entries) > MOST_ENTRIES:
                many = f"its history has {len(entries)} entries, more than the {MOST_ENTRIES} that are worked on"
                skipped.append((draft.id, draft.key, many))
                continue
            try:
                self._date(draft, entries)
            except (Skippable, *UNREADABLE) as error:
                skipped.append((draft.id, draft.key, _reason(error)))
            else:
                found.append(draft)
        return found

    def _date(self, draft: Draft, entries: list[Any]) -> None:
        undecorate(entries)
        for entry in entries:
            self._people.meet(entry.get("author"))
        if not self._client.is_cloud:
            self._names.resolve(entries)
        draft.dated = self._parser.dated(draft.issue, entries)

    def _cloud_logs(self, drafts: list[Draft]) -> dict[str, list[Any]]:
        if not drafts:
            return {}
        logs = self._histories.read([draft.id for draft in drafts])
        # a missing log means no history or no ticket any more, also where `updated` still equals `created`
        if silent := [draft.id for draft in drafts if draft.id not in logs]:
            logs.update(self._histories.read_silent(silent))
        return logs

    def _refresh(self, drafts: Sequence[Draft]) -> None:
        """Read records again by id, from the database and not from the index."""
        by_id = {draft.id: draft for draft in drafts}
        for issue in self._by_id.whole(list(by_id)):
            fresh = Draft.of(issue)
            if fresh.id in by_id:
                by_id[fresh.id].renew(fresh)

    def _inside_logs(self, drafts: list[Draft]) -> dict[str, list[Any]]:
        """Return the histories inside Data Center's issues; an incomplete one is read again by id."""
        logs = {}
        for draft in drafts:
            entries, total = _listed(draft.changelog, "histories")
            if total > len(entries) or draft.changelog is None:
                alone = next(self._by_id.whole([draft.id]), None)
                if alone is None:
                    continue
                fresh = Draft.of(alone)
                draft.renew(fresh)
                if fresh.is_oversized:
                    logs[draft.id] = TOO_LARGE
                    continue
                entries, total = _listed(fresh.changelog, "histories")
                draft.is_complete = fresh.changelog is not None and total <= len(entries)
            logs[draft.id] = entries
        return logs

    def _comments(self, draft: Draft) -> list[Any] | None:
        """Return all comments in the order of their creation; None when the ticket is gone.

        Where the answer left them out, they are read now or stay unread: then the mirror keeps its own.
        """
        if "comment" in draft.absent:
            return self._absent_comments(draft)
        listed, total = _listed(draft.comments, "comments")
        found: list[Any] | None = listed if len(listed) >= total else self._paged_comments(draft)
        for comment in found or ():
            self._people.meet(comment.get("author"))
        undecorate(found or ())
        return found

    def _absent_comments(self, draft: Draft) -> list[Any] | None:
        if not self._may_ask(draft):
            draft.has_unread_comments, draft.is_complete = True, False
            return []
        found = self._paged_comments(draft)
        if found is not None:
            draft.issue["fields"]["comment"] = {"total": len(found)}
            draft.part = record_part(draft.issue)
            undecorate(found)
        return found

    def _paged_comments(self, draft: Draft) -> list[Any] | None:
        _first, expected = _listed(draft.comments, "comments")
        for _attempt in range(_ATTEMPTS):
            found: dict[str, Any] = {}
            start, totals = 0, set()
            while True:
                answer = self._comment_page(draft, start)
                if answer is None:
                    return None
                what = f"the comments of {draft.id}"
                listed, total = counted_rows(self._client.source, answer, "comments", what)
                totals.add(total)
                found.update(zip(entry_ids(self._client.source, listed, what), listed, strict=True))
                start += len(listed)
                if start >= total:
                    break
                if not listed:
                    message = f"the comments of {draft.id} promise {total} and end after {start}; the page is refused"
                    raise BadAnswer(self._client.source, message)
            if totals == {expected}:  # the same total as before: no comment was added or deleted meanwhile
                return list(found.values())
            expected = total
        raise Retryable(self._client.source, "comments come and go faster than they can be read")

    def _comment_page(self, draft: Draft, start: int) -> Any:
        """Read one page of comments; halve its size as long as the answer is too large."""
        size = _COMMENTS
        while True:
            params = {"startAt": start, "maxResults": size, "orderBy": "created"}
            try:
                return self._client.find(f"issue/{draft.id}/comment", params)
            except AnswerTooLarge:
                if size == 1:
                    why = f"a comment of it: {too_large(self._client.most)}"
                    raise Skippable(self._client.source, draft.key, why) from None
                size //= 2


def _reason(error: Exception) -> str:
    """Say why an answer makes no ticket, without text of the ticket itself."""
    if isinstance(error, Skippable):
        return error.message.removeprefix(f"{error.ticket_key}: ")
    return str(error) if isinstance(error, TooMuch) else f"a part of it cannot be read ({type(error).__name__})"


def _lateness(draft: Draft) -> tuple[datetime, datetime] | None:
    """Return when the record and its history last changed, where the record is the older one; else None."""
    updated = _updated(draft)
    if not draft.dated or updated is None or draft.dated[-1][0] <= updated + _STALE:
        return None
    return updated, draft.dated[-1][0]


def _updated(draft: Draft) -> datetime | None:
    try:
        return read_instant(draft.fields.get("updated"))
    except (TypeError, ValueError, OverflowError):
        return None


def _listed(page: Mapping[str, Any] | None, name: str) -> tuple[list[Any], int]:
    """Return the items of a nested list and the total that the list states."""
    found = page.get(name) if page else None
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    total = page.get("total") if page else None
    return items, total if isinstance(total, int) else len(items)
