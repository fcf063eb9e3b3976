"""Loads files in the sandbox's format (docs/contract.md 9) into a Jira.

A file has JSON lines; each object has a `kind`. Keys not named as needed may be absent; unknown ones are kept.

- `{"kind": "site", "face": "cloud" | "datacenter", "timeZone": zone, "serverInfo": {…}, "api_user": {…}}`:
  `api_user` is a user object as below: the daemon's account.
- `{"kind": "user", …API object, "sandbox": {"token", "password", "email", "admin": bool, "permissions": […]}}`:
  identified by `accountId`, else `name`, else `key`; no answer contains `sandbox`. Cloud signs in with e-mail
  address and token, Data Center with a bearer token or with name and password.
- `{"kind": "field", …API object, "options": […]}` (needed: `id`), `{"kind": "choice", "field": id or name,
  "id", "value"}`: an option of a select field.
- `{"kind": "status" | "priority" | "resolution" | "issuetype" | "linktype" | "project", …API object}` (needed: `id`
  and `name`; for a project `id` and `key`, also `"sandbox": {"status": "live" | "archived" | "deleted"}`). If a
  file lists priorities, resolutions or link types, they replace the built-in ones of that kind.
- `{"kind": "workflow", "project": key, "issuetypes": [names], "initial": status, "transitions": [{"id", "name",
  "from": [status names], "to": status, "resolution": name or null}]}`: without `project` it applies to all projects,
  without `from` to all statuses. A site without workflows has a transition to each status.
- `{"kind": "ticket", "issue": {…the API object with `fields`, `changelog.histories`, `fields.comment.comments`}}`
  (needed: `key`). Also read: `properties` of the issue and of each comment, `oldKeys`, `"sandbox": {"hidden": true}`.
  The project is added from the key when absent, the type `Task` where an issue has none (`subtask` is false where
  a type does not say it). Former keys are taken from the changelog's Key items. People,
  statuses, types, options and fields that occur only inside issues are added from there; an object inside an issue
  that adds nothing to a listed one is replaced by it.

Histories are sorted by (created, id); without ids, equal instants keep the file's order, reversed if the list is
newest first. Instants may have any offset; they are shown in the viewer's zone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.sandbox.jira.load_issue import IssueLoader
from capa_sync.sandbox.jira.state import JiraState, Json, Project, User, account_of
from capa_sync.sandbox.lines import UNREADABLE, lines_of
from capa_sync.sandbox.shapes import ID, OBJECT, ShapeError, check_shape

_REPLACED = ("priority", "resolution", "linktype")
_PATHS = {"status": "status", "priority": "priority", "resolution": "resolution", "issuetype": "issuetype"}
_PATHS["linktype"] = "issueLinkType"
_NAMED = {"id!": ID}
_USER = {"sandbox": OBJECT}
_SHAPES = {
    "site": {"api_user": _USER, "serverInfo": OBJECT},
    "user": _USER,
    "field": {"id!": ID, "options": [OBJECT], "schema": OBJECT},
    "choice": {"field!": ID},
    "project": {"id!": ID, "key!": ID, "sandbox": OBJECT},
    "workflow": {"transitions!": [{"name!": ID, "to!": ID, "from": [ID]}], "issuetypes": [ID], "initial": ID},
    "ticket": {
        "issue!": {
            "key!": ID,
            "fields": {"comment": {"comments": [OBJECT]}, "issuelinks": [OBJECT], "project": OBJECT},
            "changelog": {"histories": [{"items": [OBJECT], "author": OBJECT}]},
            "comments": [OBJECT],
            "oldKeys": [ID],
            "sandbox": OBJECT,
        }
    },
    **dict.fromkeys(_PATHS, _NAMED),
}
_HINT = "see the file form of the sandbox"


def load(state: JiraState, source: Path | str | Iterable[str | Json]) -> int:
    """Load a file, lines or parsed objects, and return the number of tickets.

    Raises:
        UserError: a line is not a JSON object or lacks a needed key.
    """
    name = str(source) if isinstance(source, Path | str) else ""
    loader = _Loader(state)
    for number, line in enumerate(_lines(source), 1):
        try:
            loader.take(line if isinstance(line, dict) else _parsed(line))
        except UNREADABLE as error:
            raise UserError([Problem(name, number, why_not_loaded(error), _HINT)]) from error
    return loader.finish(name)


def _lines(source: Path | str | Iterable[str | Json]) -> Iterator[str | Json]:
    if not isinstance(source, Path | str):
        yield from source
        return
    yield from lines_of(Path(source))


def _parsed(line: str) -> Json:
    try:
        found = json.loads(line) if line.strip() else {"kind": "blank"}
    except ValueError as error:
        message = f"this line is no JSON: {error}"
        raise ShapeError(message) from error
    check_shape(found, {"kind!": ID})
    return dict(found)


class _Loader:
    """Loads lines; tickets are added last, when everything that they refer to is known."""

    def __init__(self, state: JiraState) -> None:
        self._state = state
        self._tickets: list[tuple[int, Json]] = []
        self._count = 0
        self._replaced: set[str] = set()
        self._takers: dict[str, Callable[[Json], None]] = {
            "site": self._site,
            "user": self._user,
            "field": self._field,
            "choice": self._choice,
            "project": self._project,
            "workflow": self._state.workflows.append,
            "ticket": lambda raw: self._tickets.append((self._count, raw["issue"])),
            "blank": lambda _raw: None,
        }
        self._lists = {
            "status": state.statuses,
            "priority": state.priorities,
            "resolution": state.resolutions,
            "issuetype": state.issue_types,
            "linktype": state.link_types,
        }

    def take(self, line: Json) -> None:
        self._count += 1
        raw = {name: value for name, value in line.items() if name != "kind"}
        kind = str(line["kind"])
        check_shape(raw, _SHAPES.get(kind, OBJECT))
        if kind in self._lists:
            self._listed(kind, raw)
        elif kind in self._takers:
            self._takers[kind](raw)
        else:
            message = f"unknown kind {kind!r}; it must be one of {', '.join(sorted(_SHAPES))}"
            raise ShapeError(message)

    def finish(self, name: str) -> int:
        loader = IssueLoader(self._state)
        for number, raw in self._tickets:
            try:
                loader.add(raw)
            except UNREADABLE as error:
                raise UserError([Problem(name, number, why_not_loaded(error), _HINT)]) from error
        self._state.version += 1
        return len(self._tickets)

    def _site(self, raw: Json) -> None:
        self._state.site.update(raw)
        if "api_user" in raw:
            add_user(self._state, raw["api_user"])

    def _user(self, raw: Json) -> None:
        add_user(self._state, raw)

    def _listed(self, kind: str, raw: Json) -> None:
        if kind in _REPLACED and kind not in self._replaced:
            self._replaced.add(kind)
            self._lists[kind].clear()
        if kind == "issuetype":
            raw.setdefault("subtask", False)  # Jira states it for every type
        raw.setdefault("self", self_link(self._state, _PATHS[kind], raw["id"]))
        self._lists[kind][str(raw["id"])] = raw

    def _field(self, raw: Json) -> None:
        options = raw.pop("options", [])
        raw.setdefault("name", raw["id"])
        raw.setdefault("custom", str(raw["id"]).startswith("customfield_"))
        self._state.fields[raw["id"]] = {**self._state.fields.get(raw["id"], {}), **raw}
        self._state.options[raw["id"]] += options

    def _choice(self, raw: Json) -> None:
        field = self._state.field_by(str(raw.pop("field")))
        if field is None:
            raise ShapeError("a choice names a `field` that no earlier line describes")
        self._state.options[field["id"]].append(raw)

    def _project(self, raw: Json) -> None:
        own: Json = raw.pop("sandbox", {})
        raw.setdefault("name", raw["key"])
        raw.setdefault("self", self_link(self._state, "project", raw["id"]))
        raw.setdefault("projectTypeKey", "software")  # Jira states it for every project
        project = Project(str(raw["id"]), str(raw["key"]), raw, str(own.get("status", "live")))
        project.is_hidden = bool(own.get("hidden"))
        self._state.projects[project.id] = project
        if project.id.isdecimal():
            self._state.note_id("project", int(project.id))


def why_not_loaded(error: Exception) -> str:
    """Return what is wrong with a line; of an error that is not ours no more than that."""
    return (
        str(error)[:300]
        if isinstance(error, ShapeError)
        else "a value in this line has not the form that Jira gives it"
    )


def self_link(state: JiraState, path: str, id_: object) -> str:
    """Return the `self` link for an object without one; Jira clients expect it in every object."""
    base = state.site.get("url") or "http://localhost"
    sign = "" if path.endswith("=") else "/"
    return f"{base}/rest/api/{3 if state.is_cloud else 2}/{path}{sign}{id_}"


def add_user(state: JiraState, raw: Json) -> User:
    """Add an account, or add values to a known one."""
    own: Json = dict(raw.get("sandbox") or {})
    shown = {name: value for name, value in raw.items() if name != "sandbox"}
    account = account_of(shown)
    if not account:
        raise ShapeError("a user needs `accountId`, `name` or `key`")
    known = state.users.get(account)
    if known is None:
        known = state.users[account] = User(account, {})
    name = "accountId" if state.is_cloud else "username"
    shown.setdefault("self", known.raw.get("self") or self_link(state, f"user?{name}=", account))
    known.raw.update(shown)
    known.secrets.update(own)
    return known
