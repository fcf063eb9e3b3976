"""From search rows to whole readings: every ticket with all its history and all its comments, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from capa_sync.errors import BadAnswer, Retryable, Skippable
from capa_sync.model.ticket import Part, Reading, Role
from capa_sync.sources.jira.changes import Dated, FieldNames
from capa_sync.sources.jira.client import JiraClient
from capa_sync.sources.jira.history import Histories, chunks, issues_of
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.parts import children_part, comments_part, history_part, record_part, split, undecorate
from capa_sync.sources.jira.people import People
from capa_sync.sources.jira.times import read_instant

_STALE = timedelta(seconds=1)
_COMMENTS = 100
_RECORDS = 100
_ATTEMPTS = 3
Skip = tuple[str, str, str]


@dataclass(slots=True)
class Draft:
    """A search row taken apart: the issue, its record part, and what came inside it."""

    id: str
    issue: dict[str, Any]
    part: Part
    changelog: dict[str, Any] | None
    comments: dict[str, Any] | None
    dated: Sequence[Dated] = ()
    is_complete: bool = True

    @classmethod
    def of(cls, issue: dict[str, Any]) -> Draft:
        """Take a row apart; the row is changed."""
        changelog, comments = split(issue)
        return cls(str(issue["id"]), issue, record_part(issue), changelog, comments)

    @property
    def key(self) -> str:
        """The present key, or the id where none was told."""
        return str(self.issue.get("key") or self.id)

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields; empty where the answer held none."""
        found = self.issue.get("fields")
        return found if isinstance(found, dict) else {}


class Assembler:
    """Makes readings whole.

    Args:
        client: the session. parser: the source's parser. names: Data Center's field names.
        people: notes every account met.
    """

    def __init__(self, client: JiraClient, parser: JiraParser, names: FieldNames, people: People) -> None:
        self._client = client
        self._parser = parser
        self._names = names
        self._people = people
        self._histories = Histories(client)

    def assemble(
        self,
        drafts: Iterable[Draft],
        role_of: Callable[[Draft], Role],
        children: Mapping[str, list[dict[str, Any]]],
    ) -> tuple[list[Reading], list[Skip]]:
        """Complete drafts and parse them.

        Returns:
            Readings in the order of the drafts, and (id, key, reason) of those that make no ticket. A ticket that
            is gone by now is in neither.
        """
        readings: list[Reading] = []
        skipped: list[Skip] = []
        for draft in self._with_history(list(drafts), skipped):
            try:
                comments = self._comments(draft)
                if comments is not None:
                    readings.append(self._reading(draft, comments, role_of(draft), children.get(draft.id)))
            except Skippable as error:
                skipped.append((draft.id, draft.key, error.message))
        return readings, skipped

    def _reading(
        self, draft: Draft, comments: list[Any], role: Role, children: list[dict[str, Any]] | None
    ) -> Reading:
        for name in ("assignee", "reporter", "creator"):
            self._people.meet(draft.fields.get(name))
        entries = [entry for _at, entry in draft.dated]
        ticket = self._parser.build(
            draft.issue, draft.dated, comments, children or (), history_complete=draft.is_complete
        )
        parts = [draft.part, history_part(entries, is_complete=draft.is_complete), comments_part(comments)]
        if children is not None:
            parts.append(children_part(children))
        return Reading(ticket, tuple(parts), role)

    def _with_history(self, drafts: list[Draft], skipped: list[Skip]) -> list[Draft]:
        logs = self._cloud_logs(drafts) if self._client.is_cloud else self._inside_logs(drafts)
        found = []
        for draft in drafts:
            entries = logs.get(draft.id)
            if entries is None:
                continue
            undecorate(entries)
            for entry in entries:
                self._people.meet(entry.get("author"))
            if not self._client.is_cloud:
                self._names.resolve(entries)
            try:
                draft.dated = self._parser.dated(draft.issue, entries)
            except Skippable as error:
                skipped.append((draft.id, draft.key, error.message))
                continue
            found.append(draft)
        return self._refreshed(found) if self._client.is_cloud else found

    def _cloud_logs(self, drafts: list[Draft]) -> dict[str, list[Any]]:
        if not drafts:
            return {}
        logs = self._histories.read([draft.id for draft in drafts])
        silent = []
        for draft in drafts:
            if draft.id in logs:
                continue
            if draft.fields.get("created") == draft.fields.get("updated"):
                logs[draft.id] = []  # untouched since its birth: there can be no history
            else:
                silent.append(draft.id)
        if silent:
            logs.update(self._histories.read_silent(silent))
        return logs

    def _refreshed(self, drafts: list[Draft]) -> list[Draft]:
        """Read records anew that are older than their history: edited meanwhile, or told by a lagging index."""
        late = {draft.id: draft for draft in drafts if _is_late(draft)}
        for some in chunks(list(late), _RECORDS):
            body = {"issueIdsOrKeys": list(some), "fields": ["*all"]}
            for issue in issues_of(self._client, self._client.post("issue/bulkfetch", body)):
                fresh = Draft.of(issue)
                if fresh.id in late:
                    old = late[fresh.id]
                    old.issue, old.part, old.comments = fresh.issue, fresh.part, fresh.comments
        return drafts

    def _inside_logs(self, drafts: list[Draft]) -> dict[str, list[Any]]:
        """Data Center gives whole histories inside the issue; one that is cut all the same is asked for alone."""
        logs = {}
        for draft in drafts:
            entries, total = _listed(draft.changelog, "histories")
            if total > len(entries) or draft.changelog is None:
                alone = self._client.find(f"issue/{draft.id}", {"expand": "changelog"})
                if not isinstance(alone, dict):
                    continue
                fresh = Draft.of(alone)
                draft.issue, draft.part, draft.comments = fresh.issue, fresh.part, fresh.comments
                entries, total = _listed(fresh.changelog, "histories")
                draft.is_complete = fresh.changelog is not None and total <= len(entries)
            logs[draft.id] = entries
        return logs

    def _comments(self, draft: Draft) -> list[Any] | None:
        """All comments in the order of their creation; None when the ticket is gone."""
        listed, total = _listed(draft.comments, "comments")
        found: list[Any] | None = listed if len(listed) >= total else self._paged_comments(draft.id)
        for comment in found or ():
            self._people.meet(comment.get("author"))
        undecorate(found or ())
        return found

    def _paged_comments(self, id_: str) -> list[Any] | None:
        for _attempt in range(_ATTEMPTS):
            found: dict[str, Any] = {}
            start, totals = 0, set()
            while True:
                params = {"startAt": start, "maxResults": _COMMENTS, "orderBy": "created"}
                answer = self._client.find(f"issue/{id_}/comment", params)
                if answer is None:
                    return None
                listed, total = _listed(answer if isinstance(answer, dict) else None, "comments")
                totals.add(total)
                found.update((str(one.get("id")), one) for one in listed)
                start += len(listed)
                if start >= total:
                    break
                if not listed:
                    message = f"the comments of {id_} promise {total} and end after {start}; the page is refused"
                    raise BadAnswer(self._client.source, message)
            if len(totals) == 1:  # none came or went meanwhile, so that no page was shifted
                return list(found.values())
        raise Retryable(self._client.source, "comments come and go faster than they can be read")


def _is_late(draft: Draft) -> bool:
    if not draft.dated:
        return False
    try:
        return draft.dated[-1][0] > read_instant(draft.fields.get("updated")) + _STALE
    except (TypeError, ValueError, OverflowError):
        return False


def _listed(page: Mapping[str, Any] | None, name: str) -> tuple[list[Any], int]:
    """The items of a nested list and the total it tells."""
    found = page.get(name) if page else None
    items = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    total = page.get("total") if page else None
    return items, total if isinstance(total, int) else len(items)
