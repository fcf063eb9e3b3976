"""Turns a Jira ticket's raw parts into a SourceTicket; pure, so that `rebuild` needs no tracker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from capa_sync.errors import Skippable
from capa_sync.model.ticket import ChildRef, Part, RawChange, RawComment, SourceTicket
from capa_sync.model.values import BLANK, Raw
from capa_sync.sources.bodies import UNREADABLE
from capa_sync.sources.jira.adf import adf_text, is_document
from capa_sync.sources.jira.changes import Dated, HistoryReader, sorted_entries
from capa_sync.sources.jira.parts import CHANGELOG, CHILDREN, COMMENTS, HISTORY, KINDS, RECORD, UNASKED, UNKNOWN
from capa_sync.sources.jira.shapes import is_id, is_key
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.jira.values import account_of, clean, field_value, is_ticking
from capa_sync.sources.jira.wiki import wiki_text

BOOKKEEPING = frozenset(
    {
        "updated",
        "lastViewed",
        "watches",
        "votes",
        "workratio",
        "progress",
        "aggregateprogress",
        "aggregatetimespent",
        "aggregatetimeestimate",
        "aggregatetimeoriginalestimate",
        "timetracking",
        "worklog",
        "comment",
        "attachment",
        "thumbnail",
        "issuelinks",
        "subtasks",
        "statuscategorychangedate",
        "statusCategory",
    }
)
"""Fields without content for rules; links, sub-tasks and attachments have their own places in the ticket."""

COMPUTED_FIELDS = frozenset(
    {
        "aggregateprogress",
        "aggregatetimeestimate",
        "aggregatetimeoriginalestimate",
        "aggregatetimespent",
        "attachment",
        "comment",
        "creator",
        "issuelinks",
        "lastViewed",
        "progress",
        "resolutiondate",
        "statusCategory",
        "statuscategorychangedate",
        "subtasks",
        "timetracking",
        "updated",
        "votes",
        "watches",
        "worklog",
        "workratio",
        "issuerestriction",
    }
)
"""Fields that follow from others or move at every edit: a change of theirs is no change of the ticket."""

_COMMENT = "comment"
_PLACES = tuple(name for name in KINDS if name != _COMMENT)


class JiraParser:
    """Parses tickets of one source.

    Args:
        source: name of the source.
        browse_url: address at which people open tickets: `<browse_url>/browse/KEY`.
    """

    computed_fields = COMPUTED_FIELDS
    updated_by_field = ""

    def __init__(self, source: str, browse_url: str) -> None:
        self._source = source
        self._history = HistoryReader()
        self._browse = browse_url.rstrip("/") + "/browse/"

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse the newest parts of one ticket. Raises Skippable when they make no ticket."""
        found = {part.kind: orjson.loads(part.body) for part in parts}
        if RECORD not in found:
            raise Skippable(self._source, "?", "there is no record among its parts")
        history = found.get(HISTORY) or {}
        dated = self.dated(found[RECORD], history.get("histories") or ())
        return self.build(
            found[RECORD],
            self.changes(found[RECORD], dated),
            found.get(COMMENTS),
            found.get(CHILDREN) or (),
            history_complete=history.get("complete", False) and CHANGELOG not in (found[RECORD].get(UNKNOWN) or {}),
        )

    def dated(self, issue: Mapping[str, Any], histories: Iterable[Any]) -> list[Dated]:
        """Sort history entries into true order. Raises Skippable for an entry without a readable instant."""
        try:
            return sorted_entries(histories)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise Skippable(
                self._source, _shown(issue), f"an entry of its history has no instant: {error}"
            ) from error

    def changes(self, issue: Mapping[str, Any], histories: Sequence[Dated]) -> tuple[RawChange, ...]:
        """Return the changes of a sorted history. Raises Skippable for an entry of another form than Jira's."""
        fields = issue.get("fields")
        try:
            return self._history.read(histories, _accounts(fields if isinstance(fields, dict) else {}, histories))
        except UNREADABLE as error:
            raise self._unreadable(issue, error) from error

    def _unreadable(self, issue: Mapping[str, Any], error: Exception) -> Skippable:
        return Skippable(self._source, _shown(issue), f"a part of it cannot be read: {error}")

    def build(
        self,
        issue: Mapping[str, Any],
        changes: tuple[RawChange, ...],
        comments: Sequence[Any] | None,
        children: Sequence[Any] = (),
        *,
        history_complete: bool,
    ) -> SourceTicket:
        """Make the ticket from decoded parts; `comments` is None where they were never read.

        Raises Skippable when they make no ticket.
        """
        fields = issue.get("fields")
        if not isinstance(fields, dict) or "id" not in issue:
            raise Skippable(self._source, _shown(issue), "the answer holds no fields")
        try:
            return self._ticket(issue, fields, changes, comments, children, history_complete)
        except UNREADABLE as error:
            raise self._unreadable(issue, error) from error

    def _ticket(
        self,
        issue: Mapping[str, Any],
        fields: Mapping[str, Any],
        changes: tuple[RawChange, ...],
        comments: Sequence[Any] | None,
        children: Sequence[Any],
        history_complete: bool,
    ) -> SourceTicket:
        key = _shown(issue)
        marks = issue.get(UNKNOWN) or {}
        unread = [name for name in _PLACES if name in marks or not isinstance(fields.get(name), list)]
        if comments is None or _COMMENT in marks:
            unread.append(_COMMENT)
        return SourceTicket(
            source=self._source,
            id=str(issue["id"]),
            key=key,
            url=self._browse + key,
            kind=_name(fields.get("issuetype"), "name"),
            container=_name(fields.get("project"), "key") or key.rpartition("-")[0],
            created_at=read_instant(fields.get("created")),
            updated_at=read_instant(fields.get("updated")),
            created_by=account_of(fields.get("creator")) or account_of(fields.get("reporter")),
            values=_FieldValues(fields),
            changes=changes,
            comments=_comments(comments or ()),
            children=_children(fields, children),
            parent=_name(fields.get("parent"), "id"),
            part_of=_part_of(fields),
            old_keys=_old_keys(changes, key),
            history_complete=history_complete,
            attachments=len(fields.get("attachment") or ()),
            unknown=_kinds(unread) if unread else _NONE,
            unasked=_kinds([name for name, state in marks.items() if state == UNASKED]) if marks else _NONE,
        )


_NONE: frozenset[str] = frozenset()


def _kinds(names: Iterable[str]) -> frozenset[str]:
    return frozenset([KINDS[name] for name in names])


def _part_of(fields: Mapping[str, Any]) -> str:
    """Return how a ticket is part of its parent; on Cloud any issue may have a parent without being part of it."""
    kind = fields.get("issuetype")
    is_subtask = isinstance(fields.get("parent"), dict) and isinstance(kind, dict) and kind.get("subtask")
    return "subtask" if is_subtask else ""


def _shown(issue: Mapping[str, Any]) -> str:
    return str(issue.get("key") or issue.get("id") or "?")


class _FieldValues(Mapping[str, Raw]):
    """A ticket's values, each read at its first use: a backfill uses none of a hundred and fifty."""

    __slots__ = ("_fields", "_known")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._known: dict[str, Raw] = {}

    def __getitem__(self, name: str) -> Raw:
        known = self._known.get(name)
        if known is None:
            if name in BOOKKEEPING:
                raise KeyError(name)
            known = field_value(name, self._fields[name])
            if known is None:
                raise KeyError(name)
            self._known[name] = known
        return known

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, `default` when it is missing; most of the values that are looked up are empty."""
        known = self._known.get(name)
        if known is not None:
            return known
        if self._fields.get(name, self) is None and name not in BOOKKEEPING:
            return BLANK
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self._fields.items() if name not in BOOKKEEPING and not is_ticking(value))

    def __len__(self) -> int:
        return sum(1 for _name in self)

    def __repr__(self) -> str:
        return repr(dict(self))


def _name(value: Any, member: str) -> str:
    return str(value.get(member) or "") if isinstance(value, dict) else ""


def _accounts(fields: Mapping[str, Any], histories: Sequence[Dated]) -> dict[str, str]:
    """Return key -> name of users, where they differ: Data Center's history has keys, its other places names."""
    users = [fields.get(name) for name in ("creator", "reporter", "assignee")]
    if isinstance(users[0], dict) and "accountId" in users[0]:
        return {}  # Cloud
    users += [entry.get("author") for _at, entry in histories]
    found = {}
    for user in users:
        if isinstance(user, dict) and "accountId" not in user and user.get("key") and user.get("name"):
            found[str(user["key"])] = str(user["name"])
    return found


def _comments(comments: Sequence[Any]) -> tuple[RawComment, ...]:
    found = [_comment(raw) for raw in comments]
    found.sort(key=lambda comment: (comment.at, int(comment.id) if comment.id.isdigit() else 0))
    return tuple(found)


def _comment(raw: Mapping[str, Any]) -> RawComment:
    body, updated = raw.get("body"), raw.get("updated")
    if isinstance(body, dict) and is_document(body):
        text = clean(adf_text(body)[0])
    else:
        text = wiki_text(clean(str(body or "")))[0]
    return RawComment(
        id=str(raw.get("id") or ""),
        at=read_instant(raw.get("created")),
        by=account_of(raw.get("author")),
        text=text,
        updated_at=read_instant(updated) if updated else None,
        internal=raw.get("jsdPublic") is False,
        properties=tuple(str(prop.get("key")) for prop in raw.get("properties") or ()),
        edited_by=account_of(raw.get("updateAuthor")),
    )


def _children(fields: Mapping[str, Any], named: Sequence[Any]) -> tuple[ChildRef, ...]:
    subtasks = [
        _ref(issue, "subtask", _name((issue.get("fields") or {}).get("issuetype"), "name"))
        for issue in fields.get("subtasks") or ()
    ]
    links = [ref for link in fields.get("issuelinks") or () for ref in _linked(link)]
    return (*subtasks, *links, *(_ref(issue, "child") for issue in named))


def _ref(issue: Mapping[str, Any], relation: str, link_type: str = "") -> ChildRef:
    """Return the reference to another ticket. Raises ValueError when its id or key could not be one of Jira's."""
    id_, key = issue.get("id"), issue.get("key")
    if not (id_ is None or is_id(id_)) or not (key is None or is_key(key)):
        raise ValueError(f"a {relation} that it names has no id or key of Jira's form")
    return ChildRef(id_ or "", key or "", relation, link_type)


def _linked(link: Mapping[str, Any]) -> Iterable[ChildRef]:
    """Yield the other end of a link, with the link's description as read from this ticket."""
    type_ = link.get("type") or {}
    for side in ("inward", "outward"):
        other = link.get(f"{side}Issue")
        if isinstance(other, dict):
            yield _ref(other, "link", str(type_.get(side) or type_.get("name") or ""))


def _old_keys(changes: Iterable[RawChange], key: str) -> tuple[str, ...]:
    """Return its former keys: moves leave items named `Key` (docs/jira.md 3)."""
    keys = [change.old.text for change in changes if change.field_name == "Key" and change.old.text]
    if not keys:
        return ()
    return tuple(dict.fromkeys(old for old in keys if old != key))
