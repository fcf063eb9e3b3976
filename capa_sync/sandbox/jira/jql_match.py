"""Compiles a parsed JQL query to a test of issues, for one site and one viewer."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.jql import Clause, Junction, Operand
from capa_sync.sandbox.jira.jql_dates import date_ms, no_function
from capa_sync.sandbox.jira.jql_fields import Extract, JqlField, JqlFields
from capa_sync.sandbox.jira.settings import JiraSandboxSettings
from capa_sync.sandbox.jira.state import Issue, JiraState, Project, Snapshot, User
from capa_sync.sandbox.jira.text import to_wiki

Test = Callable[[Issue, Snapshot], bool]
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_SUBTASK_TYPES = {(name, "subtaskissuetypes") for name in ("issuetype", "type")}
_OPPOSITE = {
    "=": "!=",
    "!=": "=",
    "~": "!~",
    "!~": "~",
    ">": "<=",
    ">=": "<",
    "<": ">=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
    "is": "is not",
    "is not": "is",
}


@dataclass(frozen=True)
class JqlContext:
    """The viewer, zone and instant that give names and dates in a query their meaning.

    Attributes:
        user: None for an anonymous viewer.
        zone: the viewer's profile zone.
        now: epoch ms.
        can_browse: whether the viewer sees a project.
        can_see: whether the viewer sees an issue.
    """

    user: User | None
    zone: ZoneInfo
    now: int
    can_browse: Callable[[Project], bool]
    can_see: Callable[[Issue], bool]


class Matcher:
    """Compiles the `where` of a query."""

    def __init__(self, state: JiraState, settings: JiraSandboxSettings, context: JqlContext) -> None:
        self._state = state
        self._settings = settings
        self._context = context
        self._fields = JqlFields(state, settings.index_granularity_ms, context.zone)

    def compile(self, where: Clause | Junction | None, *, negated: bool = False) -> Test:
        """Return a test of an issue. NOT is pushed down to the clauses, so it never matches an empty value.

        Raises:
            JiraError: 400 for an unknown field, function or value, or an operator that the field does not support.
        """
        if where is None:
            return lambda _issue, _snap: True
        if isinstance(where, Junction):
            return self._junction(where, negated=negated)
        sign = _OPPOSITE[where.operator] if negated else where.operator
        return self._clause(where, sign)

    def _junction(self, where: Junction, *, negated: bool) -> Test:
        if where.kind == "not":
            return self.compile(where.parts[0], negated=not negated)
        tests = [self.compile(part, negated=negated) for part in where.parts]
        if (where.kind == "and") != negated:
            return lambda issue, snap: all(test(issue, snap) for test in tests)
        return lambda issue, snap: any(test(issue, snap) for test in tests)

    def _clause(self, clause: Clause, sign: str) -> Test:
        found = self._fields.named(clause.field)
        if sign not in found.operators:
            message = f"The operator '{sign}' is not supported by the '{clause.field}' field."
            raise JiraError(400, message)
        empty = any(_is_empty(found, operand) for operand in clause.operands)
        if sign in ("is", "is not") and not empty:
            raise JiraError(400, f"The operator '{sign}' takes EMPTY or NULL only.")
        if sign in ("~", "!~"):
            return _words_test(found.extract, clause.operands[0].text, wants=sign == "~")
        if found.kind in ("date", "number"):
            return self._measured(found, clause, sign, empty=empty)
        if found.kind == "issue" and sign in (">", ">=", "<", "<="):
            return self._key_range(clause.operands[0], sign)
        named = [operand for operand in clause.operands if not _is_empty(found, operand)]
        values = {value for operand in named for value in self._resolve(found, operand)}
        return _set_test(found.extract, values, empty=empty, wants=sign in ("=", "in", "is"))

    def _measured(self, found: JqlField, clause: Clause, sign: str, *, empty: bool) -> Test:
        if sign in ("is", "is not") or empty:
            return _set_test(found.extract, set(), empty=True, wants=sign in ("=", "in", "is"))
        values = [self._measure(found, operand) for operand in clause.operands]
        if sign in ("in", "not in"):
            return _set_test(found.extract, set(values), empty=False, wants=sign == "in")
        compare, limit, extract = _COMPARE[sign], values[0], found.extract
        return lambda issue, snap: any(compare(value, limit) for value in extract(issue, snap))

    def _measure(self, found: JqlField, operand: Operand) -> float:
        if found.kind == "number":
            try:
                return float(operand.text)
            except ValueError as error:
                raise JiraError(400, f"'{operand.text}' is no number for the field '{found.name}'.") from error
        epoch = self._settings.epoch_literals
        return date_ms(operand, found.name, self._context.zone, self._context.now, epoch=epoch)

    def _key_range(self, operand: Operand, sign: str) -> Test:
        wanted = self._issue(operand)
        if wanted is None:
            return lambda _issue, _snap: False
        limit, project, compare = _number(wanted.key), wanted.project, _COMPARE[sign]
        return lambda _issue, snap: snap.project == project and compare(_number(snap.key), limit)

    def _resolve(self, found: JqlField, operand: Operand) -> Iterable[Any]:
        if operand.is_function and found.kind != "user":
            return self._function(found, operand)
        if found.kind == "issue":
            issue = self._issue(operand)
            return () if issue is None else (issue.id,)
        if found.kind == "user":
            return self._user_words(operand, found.name)
        if found.kind == "project":
            return (self._project(operand).id,)
        if found.choices is None:
            return (operand.text,)
        values = found.choices(operand.text)
        if not values:
            raise _no_value(operand.text, found.name)
        return values

    def _function(self, found: JqlField, operand: Operand) -> Iterable[str]:
        if (found.name.lower(), operand.text.lower()) not in _SUBTASK_TYPES:
            raise no_function(operand.text)
        return [str(kind["id"]) for kind in self._state.issue_types.values() if kind.get("subtask")]

    def _issue(self, operand: Operand) -> Issue | None:
        issue = self._state.find(operand.text)
        if issue is not None and self._context.can_see(issue):
            return issue
        if not self._settings.missing_ids_are_errors:
            return None
        if operand.text.isdecimal():
            raise JiraError(400, f"A value with ID '{operand.text}' does not exist for the field 'id'.")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*-\d+", operand.text):
            raise JiraError(400, f"The issue key '{operand.text}' for field 'key' is invalid.")
        raise JiraError(400, f"An issue with key '{operand.text}' does not exist for field 'key'.")

    def _project(self, operand: Operand) -> Project:
        project = self._state.project_by(operand.text)
        if project is None or not self._context.can_browse(project):
            raise _no_value(operand.text, "project")
        return project

    def _user_words(self, operand: Operand, field: str) -> Iterable[str]:
        if operand.is_function:
            if operand.text.lower() != "currentuser":
                raise no_function(operand.text)
            return () if self._context.user is None else (self._context.user.account.casefold(),)
        user = self._state.user_by(operand.text)
        if user is None:
            raise _no_value(operand.text, field)
        return (user.account.casefold(),)


def _is_empty(found: JqlField, operand: Operand) -> bool:
    return operand.is_empty or (found.name == "resolution" and operand.text.casefold() == "unresolved")


def _no_value(text: str, field: str) -> JiraError:
    return JiraError(400, f"The value '{text}' does not exist for the field '{field}'.")


def _number(key: str) -> int:
    return int(key.rpartition("-")[2] or 0)


def _set_test(extract: Extract, wanted: set[Any], *, empty: bool, wants: bool) -> Test:
    if wants:

        def is_in(issue: Issue, snap: Snapshot) -> bool:
            values = extract(issue, snap)
            return any(value in wanted for value in values) if values else empty

        return is_in

    def is_not_in(issue: Issue, snap: Snapshot) -> bool:
        values = extract(issue, snap)
        return bool(values) and not any(value in wanted for value in values)

    return is_not_in


def _words_test(extract: Extract, text: str, *, wants: bool) -> Test:
    phrase = re.fullmatch(r'\s*"(.*)"\s*', text, re.DOTALL)
    pieces = [phrase[1]] if phrase else re.findall(r"[\w*?]+", text)
    shapes = [
        re.compile(r"\b" + re.escape(p).replace(r"\*", r"\w*").replace(r"\?", r"\w") + r"\b", re.IGNORECASE)
        for p in pieces
    ]

    def holds(issue: Issue, snap: Snapshot) -> bool:
        texts = [to_wiki(value) for value in extract(issue, snap)]
        if not texts:
            return False
        return wants == any(all(shape.search(text) for shape in shapes) for text in texts)

    return holds
