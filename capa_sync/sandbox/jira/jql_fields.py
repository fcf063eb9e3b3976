"""The fields of JQL: how a name resolves to a field, which values it has, how it sorts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from capa_sync.sandbox.jira.defaults import CATEGORIES
from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.jql import Operand
from capa_sync.sandbox.jira.jql_dates import date_ms
from capa_sync.sandbox.jira.state import Issue, JiraState, Json, Snapshot, account_of
from capa_sync.sandbox.jira.text import to_wiki
from capa_sync.sandbox.jira.times import parse_ms
from capa_sync.sandbox.jira.values import kind_of

Extract = Callable[[Issue, Snapshot], tuple[Any, ...]]
_SETS = frozenset({"=", "!=", "in", "not in", "is", "is not"})
_RANGES = _SETS | {">", ">=", "<", "<="}
_TEXTS = frozenset({"~", "!~", "is", "is not"})
_ALIASES = {
    "issuekey": "key",
    "issue": "key",
    "id": "key",
    "type": "issuetype",
    "due": "duedate",
    "resolved": "resolutiondate",
    "createddate": "created",
    "updateddate": "updated",
}
_TEXT_FIELDS = ("summary", "description", "environment")


@dataclass(frozen=True)
class JqlField:
    """One field in a query.

    Attributes:
        kind: issue, project, user, date, number, text, named (an entry of a list of the site) or plain.
        extract: returns the values of an issue, () when it has none.
        operators: the operators that the field supports.
        choices: returns the stored values that a literal names; None takes the literal unchanged.
    """

    name: str
    kind: str
    extract: Extract
    operators: frozenset[str] = _SETS
    choices: Callable[[str], Iterable[Any]] | None = None


class JqlFields:
    """Resolves the field names of a query."""

    def __init__(self, state: JiraState, granularity: int, zone: ZoneInfo) -> None:
        self._state = state
        self._grain = max(1, granularity)
        self._zone = zone

    def named(self, name: str) -> JqlField:
        """Return the field of that name.

        Raises:
            JiraError: 400, the field does not exist.
        """
        plain = _ALIASES.get(name.lower(), name.lower())
        builtin = self._builtin(plain)
        if builtin is not None:
            return builtin
        raw = self._custom(name)
        if raw is None:
            message = f"Field '{name}' does not exist or you do not have permission to view it."
            raise JiraError(400, message)
        return self._by_kind(raw)

    def _builtin(self, name: str) -> JqlField | None:
        if name == "key":
            return JqlField(name, "issue", lambda issue, _snap: (issue.id,), _RANGES)
        if name == "project":
            return JqlField(name, "project", lambda _issue, snap: (snap.project,))
        if name in ("created", "updated"):
            return JqlField(name, "date", self._instant(name), _RANGES)
        if name in ("assignee", "reporter", "creator"):
            return JqlField(name, "user", _users(name))
        if name == "parent":
            return JqlField(name, "issue", _parents)
        if name == "statuscategory":
            return JqlField("statusCategory", "named", _categories, choices=_category_ids)
        if name in ("text", "comment"):
            return JqlField(name, "text", _all_text if name == "text" else _comment_text, _TEXTS)
        raw = self._state.fields.get(name)
        return self._by_kind(raw) if raw is not None and not raw.get("custom") else None

    def _custom(self, name: str) -> Json | None:
        number = re.fullmatch(r"cf\[(\d+)\]", name)
        if number:
            return self._state.fields.get(f"customfield_{number[1]}")
        found = self._state.field_by(name)
        return found if found is not None and found["id"].casefold() != name.casefold() else None

    def _by_kind(self, raw: Json) -> JqlField:
        id_, name, kind = raw["id"], str(raw.get("name") or raw["id"]), kind_of(raw)
        shown = name if raw.get("custom") else id_
        if kind == "text" or (kind == "line" and not _is_exact(raw)):
            return JqlField(shown, "text", _plain(id_), _TEXTS)
        if kind in ("date", "datetime"):
            return JqlField(shown, "date", self._date(id_), _RANGES)
        if kind == "number":
            return JqlField(shown, "number", _plain(id_), _RANGES)
        if kind in ("user", "users"):
            return JqlField(shown, "user", _users(id_))
        if kind in ("option", "options", "named", "named-list"):
            return JqlField(shown, "named", _ids(id_), choices=lambda text: self._choices(id_, text))
        return JqlField(shown, "plain", _plain(id_))

    def _choices(self, id_: str, text: str) -> set[str]:
        lists = {
            "status": self._state.statuses,
            "issuetype": self._state.issue_types,
            "priority": self._state.priorities,
            "resolution": self._state.resolutions,
        }
        known: Iterable[Json] = lists[id_].values() if id_ in lists else self._state.options[id_]
        wanted = text.casefold()
        found = {
            str(choice["id"]) for choice in known if str(choice.get("name", choice.get("value"))).casefold() == wanted
        }
        return found or {str(choice["id"]) for choice in known if str(choice["id"]) == text}

    def _instant(self, name: str) -> Extract:
        grain = self._grain
        if grain == 1:
            return lambda _issue, snap: (getattr(snap, name),)
        return lambda _issue, snap: (getattr(snap, name) // grain * grain,)

    def _date(self, id_: str) -> Extract:
        def extract(_issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
            value = snap.fields.get(id_)
            if not value:
                return ()
            ms = parse_ms(value)
            return (date_ms(Operand(str(value)), id_, self._zone, 0) if ms is None else ms,)

        return extract

    def sort_value(self, name: str) -> Callable[[Issue, Snapshot], Any]:
        """Return a function that gives an issue's sort value: a number or text, None for empty.

        Raises:
            JiraError: 400, the field does not exist.
        """
        found = self.named(name)
        if found.kind == "issue" and found.name == "key":
            return lambda _issue, snap: _key_order(snap.key)
        if found.kind in ("date", "number"):
            return lambda issue, snap: next(iter(found.extract(issue, snap)), None)
        if found.kind == "project":
            return lambda _issue, snap: self._state.projects[snap.project].key
        return lambda issue, snap: _sortable(found.extract(issue, snap))


def _key_order(key: str) -> tuple[str, int]:
    project, _dash, number = key.rpartition("-")
    return project, int(number) if number.isdecimal() else 0


def _sortable(values: tuple[Any, ...]) -> str | None:
    if not values:
        return None
    first = values[0]
    return f"{int(first):012d}" if str(first).isdecimal() else to_wiki(first).casefold()


def _is_exact(raw: Json) -> bool:
    return str((raw.get("schema") or {}).get("custom", "")).endswith(":url")


def _plain(id_: str) -> Extract:
    def extract(_issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
        value = snap.fields.get(id_)
        if value is None or value in ("", []):
            return ()
        return tuple(value) if isinstance(value, list) else (value,)

    return extract


def _ids(id_: str) -> Extract:
    def extract(_issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
        value = snap.fields.get(id_)
        if isinstance(value, dict):
            return (str(value.get("id")),)
        return tuple(str(choice.get("id")) for choice in value or ())

    return extract


def _users(id_: str) -> Extract:
    def extract(_issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
        value = snap.fields.get(id_)
        found = value if isinstance(value, list) else [value] if value else []
        return tuple(account_of(user).casefold() for user in found)

    return extract


def _parents(_issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
    parent = snap.fields.get("parent")
    return (int(parent["id"]),) if parent else ()


def _categories(_issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
    status = snap.fields.get("status") or {}
    category = status.get("statusCategory") or {}
    return (str(category["id"]),) if category else ()


def _category_ids(text: str) -> set[str]:
    wanted = text.casefold()
    return {
        str(category["id"])
        for category in CATEGORIES.values()
        if wanted in (category["key"], str(category["name"]).casefold(), str(category["id"]))
    }


def _all_text(issue: Issue, snap: Snapshot) -> tuple[Any, ...]:
    texts = [snap.fields[name] for name in _TEXT_FIELDS if snap.fields.get(name)]
    return (*texts, *_comment_text(issue, snap))


def _comment_text(issue: Issue, _snap: Snapshot) -> tuple[Any, ...]:
    return tuple(comment.body for comment in issue.comments)
