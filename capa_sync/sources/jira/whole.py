"""Turns search rows into whole readings: each ticket with all its history and all its comments, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from capa_sync.errors import Skippable
from capa_sync.model.amounts import count_of
from capa_sync.model.ticket import Reading, Role, Skip
from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sources.bodies import MOST_ENTRIES, UNREADABLE, TooMuch
from capa_sync.sources.jira.byid import ById
from capa_sync.sources.jira.changes import FieldNames
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.comments import CommentReader
from capa_sync.sources.jira.draft import Draft, ReadHistory, lateness, updated_at
from capa_sync.sources.jira.growth import Growth
from capa_sync.sources.jira.history import REFUSED, TOO_LARGE, Histories
from capa_sync.sources.jira.inside import InsideHistories
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.parts import (
    CHANGELOG,
    UNDELIVERED,
    children_part,
    comments_part,
    history_part,
    undecorate,
)
from capa_sync.sources.jira.people import JiraAccounts
from capa_sync.sources.sizes import too_large

_ATTEMPTS = 3
_LACKING = "Jira's answer leaves out {}; it is read again when it changes, or by `capa-sync sync --full`"


class Assembler:
    """Makes readings whole.

    Args:
        client: the session. parser: the source's parser. names: Data Center's field names.
        people: notes every account seen.
        lag: how long after an edit a search may still return the ticket's state before it.
        lookup: what the mirror holds of these tickets.
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
        lookup: MirrorLookup,
        is_known_late: Callable[[Draft], bool] = lambda _draft: False,
        complete: Callable[[Draft], None] = lambda _draft: None,
        may_ask: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client = client
        self._parser = parser
        self._names = names
        self._people = people
        self._lag = lag
        self._is_known_late = is_known_late
        self._complete = complete
        self._may_ask = may_ask
        self._comments = CommentReader(client, people, may_ask)
        self._histories = Histories(client)
        self._by_id = ById(client)
        self._inside = InsideHistories(self._by_id)
        self._growth = Growth(client.source, lookup, self._read_alone)
        self._lookup = lookup
        self._refused: dict[str, tuple[str, str]] = {}
        self._forgotten: set[str] = set()
        self._lacking: dict[str, str] = {}
        """Ticket id -> digest of the newest row for which it was read once more, as the row lacked something."""

    def forget_refused(self) -> None:
        """Process refused tickets again at their next read: their answer may have been wrong only once."""
        self._refused.clear()
        self._lacking.clear()
        self._forgotten = set(self._lookup.refused(self._client.source))

    def assemble(
        self,
        drafts: Sequence[Draft],
        role_of: Callable[[Draft], Role],
        children: Mapping[str, list[dict[str, Any]]],
    ) -> tuple[list[Reading], list[Skip]]:
        """Complete drafts and parse them.

        Returns:
            Readings in the order of the drafts, and the drafts that make no ticket. A ticket that no longer exists
            is in neither.
        """
        readings: list[Reading] = []
        skipped: list[Skip] = []
        self._ask_for_lacks(drafts)
        for draft in self._with_history([*self._readable(drafts, skipped)], skipped):
            try:
                self._complete(draft)
                comments = self._comments.read(draft)
                if reason := self._unusable(draft):  # it may have been read once more meanwhile
                    raise Skippable(self._client.source, draft.key, reason)
                if comments is not None:
                    readings.append(self._reading(draft, comments, role_of(draft), children.get(draft.id)))
            except (Skippable, *UNREADABLE) as error:
                skipped.append(Skip(draft.id, draft.key, _reason(error)))
        digests = {draft.id: draft.part.digest for draft in drafts}
        for ticket_id in [reading.ticket.id for reading in readings]:
            self._refused.pop(ticket_id, None)
        skipped = [skip._replace(version=digests.get(skip.id, "")) for skip in skipped]
        self._refused.update((skip.id, (skip.version, skip.reason)) for skip in skipped)
        self._forgotten.difference_update(digests)
        return readings, skipped

    def _ask_for_lacks(self, drafts: Iterable[Draft]) -> None:
        """Read a ticket once more by id where the answer lacks what every issue has; without effect it is refused."""
        lacking = [draft for draft in drafts if draft.lack and not draft.is_by_id and not draft.fault]
        if lacking:
            known = self._known_refusals()
            new = [
                draft
                for draft in lacking
                if draft.part.digest not in (known.get(draft.id, ("", ""))[0], self._lacking.get(draft.id))
            ]
            asked = [draft for draft in new if self._may_ask()]
            self._lacking.update((draft.id, draft.part.digest) for draft in asked)
            self._refresh(asked)

    def _unusable(self, draft: Draft) -> str:
        """Return why a draft makes no ticket as it is now, "" when nothing speaks against it."""
        if draft.is_oversized:
            return too_large(self._client.most)
        return draft.fault or (draft.lack and _LACKING.format(draft.lack))

    def _known_refusals(self) -> dict[str, tuple[str, str]]:
        """Return ticket id -> digest of the version that made no ticket, and why."""
        stored = self._lookup.refused(self._client.source)
        return {id_: seen for id_, seen in stored.items() if id_ not in self._forgotten} | self._refused

    def _readable(self, drafts: Iterable[Draft], skipped: list[Skip]) -> Iterator[Draft]:
        """Leave out, with a reason, drafts beyond the bounds and drafts whose present version made no ticket."""
        known = self._known_refusals()
        for draft in drafts:
            digest, refused = known.get(draft.id, ("", ""))
            if reason := self._unusable(draft) or (refused if digest == draft.part.digest else ""):
                skipped.append(Skip(draft.id, draft.key, reason))
            else:
                yield draft

    def _reading(
        self, draft: Draft, comments: list[Any], role: Role, children: list[dict[str, Any]] | None
    ) -> Reading:
        """Encode the parts, which raises TooMuch beyond the bounds, and then parse them."""
        self._people.meet_in(draft.fields)
        history = draft.history or ReadHistory(None)
        if history.fault is not None:
            raise history.fault
        parts = [draft.part] if history.part is None else [draft.part, history.part]
        if not draft.has_unread_comments:
            parts.append(comments_part(comments))
        if children is not None:
            parts.append(children_part(children))
        ticket = self._parser.build(
            draft.issue, history.changes, comments, children or (), history_complete=draft.is_complete
        )
        return Reading(ticket, tuple(parts), role)

    def _with_history(self, drafts: list[Draft], skipped: list[Skip]) -> list[Draft]:
        """Add the histories, and read record and history again where the record may be older than its history."""
        self._refresh([draft for draft in drafts if self._is_hot(draft)])
        found = self._with_read_history([*self._readable(drafts, skipped)], skipped)
        seen: dict[str, tuple[datetime, datetime] | None] = {}
        for _attempt in range(_ATTEMPTS):
            late = [draft for draft in found if lateness(draft) and not self._is_known_late(draft)]
            stale = [draft for draft in late if seen.get(draft.id) != lateness(draft)]
            if not stale:
                break  # a second equal answer is accepted: some trackers write history with a delay
            seen = {draft.id: lateness(draft) for draft in stale}
            self._refresh(stale)
            again = {draft.id for draft in stale}
            renewed = {draft.id for draft in self._with_read_history([*self._readable(stale, skipped)], skipped)}
            found = [draft for draft in found if draft.id in renewed or draft.id not in again]
        return found  # a ticket edited faster than it is read has an older `updated`: the next poll returns it

    def _is_hot(self, draft: Draft) -> bool:
        """Tell whether the search index may still return the ticket's old state: it was edited a moment ago.

        Data Center's tickets are read by id, or their row contains their history.
        """
        if not self._client.is_cloud or draft.is_by_id:
            return False
        now, updated = self._client.answered_at, updated_at(draft)
        return now is None or updated is None or now - updated < self._lag

    def _with_read_history(self, drafts: list[Draft], skipped: list[Skip]) -> list[Draft]:
        for draft in drafts:
            draft.is_complete = True
        logs = self._cloud_logs(drafts) if self._client.is_cloud else self._inside.read(drafts)
        self._growth.restore(drafts, logs)
        found = []
        for draft in drafts:
            entries = logs.get(draft.id)
            if entries is TOO_LARGE:
                skipped.append(Skip(draft.id, draft.key, too_large(self._client.most)))
            if entries is REFUSED:
                draft.settle({CHANGELOG: UNDELIVERED})
                draft.is_complete = False
                draft.history = (draft.history or ReadHistory(None)).unshown()
                found.append(draft)
            if entries is None or entries is TOO_LARGE or entries is REFUSED:
                continue
            if len(entries) > MOST_ENTRIES:
                number = count_of(len(entries), "entry")
                many = f"its history has {number}, more than the {MOST_ENTRIES} that are worked on"
                skipped.append(Skip(draft.id, draft.key, many))
                continue
            draft.settle_shown(CHANGELOG)
            try:
                draft.history = self._read_history(draft, entries)
            except (Skippable, *UNREADABLE) as error:
                skipped.append(Skip(draft.id, draft.key, _reason(error)))
            else:
                found.append(draft)
        return found

    def _read_history(self, draft: Draft, entries: list[Any]) -> ReadHistory:
        """Encode a history, which fails beyond the bounds, and then parse it.

        Raises Skippable for an entry without a readable instant.

        Both at once, ticket by ticket: in a pass of its own over a thousand tickets each would find the processor's
        cache filled with others (a backfill took a twentieth longer).
        """
        undecorate(entries)
        for entry in entries:
            self._people.meet(entry.get("author"))
        if not self._client.is_cloud:
            self._names.resolve(entries)
        dated = self._parser.dated(draft.issue, entries)
        newest_at = dated[-1][0] if dated else None
        try:
            part = history_part([entry for _at, entry in dated], is_complete=draft.is_complete)
            return ReadHistory(newest_at, part, self._parser.changes(draft.issue, dated))
        except (Skippable, *UNREADABLE) as error:
            return ReadHistory(newest_at, fault=error.with_traceback(None))

    def _cloud_logs(self, drafts: list[Draft]) -> dict[str, list[Any]]:
        if not drafts:
            return {}
        logs = self._histories.read([draft.id for draft in drafts])
        # a log that is missing or empty may mean no history or no ticket any more: a count decides
        if silent := [draft.id for draft in drafts if draft.id not in logs]:
            logs.update(self._histories.read_silent(silent))
        return logs

    def _read_alone(self, draft: Draft, count: int) -> list[Any] | None:
        if self._client.is_cloud:
            return self._histories.read_one(draft.id, count)
        return self._inside.read_again(draft)

    def _refresh(self, drafts: Sequence[Draft]) -> None:
        """Read records again by id, from the database and not from the index."""
        by_id = {draft.id: draft for draft in drafts}
        for issue in self._by_id.whole(list(by_id)):
            fresh = Draft.of(issue)
            if fresh.id in by_id:
                by_id[fresh.id].renew(fresh)


def _reason(error: Exception) -> str:
    """Say why an answer makes no ticket, without text of the ticket itself."""
    if isinstance(error, Skippable):
        return error.message.removeprefix(f"{error.ticket_key}: ")
    return str(error) if isinstance(error, TooMuch) else f"a part of it cannot be read ({type(error).__name__})"
